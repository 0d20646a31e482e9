// Session resumption over real sockets: a gateway restarts under its clients, and clients come back by their
// tickets, or by a whole set-up where the gateway does not know them any more.
import assert from "node:assert/strict";
import { parsePrefix, showAddress } from "@/base/address.ts";
import { freshSecrets, type GatewaySecrets, openSecrets } from "@/engine/run/resumption_of.ts";
import { openSpent } from "@/engine/run/spent_file.ts";
import { openTickets, type StoredTicket } from "@/engine/run/ticket_file.ts";
import { portableBackend } from "@/crypto/portable.ts";
import { suiteByIds } from "@/ike/negotiate/suite.ts";
import { RunResult } from "@/engine/show/view.ts";
import { type Begun, clientOf, gatewayAt, stopped, until } from "./two_runs.ts";
import { setup } from "./setups.ts";

const CRYPTO = portableBackend();
const ALLOW = { resume: "allow" } as const;
/** A client that finds out soon that its gateway is gone. */
const QUICK = { ...ALLOW, dpdinterval: 1_000, retraninterval: 100, maxretran: 3 };

/** Ends a run as a crash does: no Delete is sent, and its port is free again. */
async function crash({ run, transport }: Begun): Promise<void> {
  run.stop(false);
  await run.finalResult;
  await transport.close();
}

async function restarted(secrets: GatewaySecrets, after: GatewaySecrets) {
  const before = gatewayAt("127.0.0.6", ALLOW, { secrets });
  const ownport = before.transport.ikePort;
  const client = clientOf(before, "127.0.0.6", QUICK, {
    tunnelmaxretry: 30,
    tunnelretryinterval: 200,
  });
  await until(() => client.run.figures().tickets === 2 && client.run.summary().hasChild === 2);
  await crash(before);
  const gateway = gatewayAt("127.0.0.6", ALLOW, { ownport, secrets: after });
  await until(() => gateway.run.summary().hasChild === 2 && client.run.summary().hasChild === 2);
  return { gateway, client };
}

Deno.test("tunnels are resumed at a gateway that was restarted, and none is lost", async () => {
  const secrets = freshSecrets();
  const { gateway, client } = await restarted(secrets, secrets);
  assert.match(client.said.join("\n"), /Tunnel 0 is to be resumed: /);
  const { result, figures } = await stopped(client);
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.resumptions, figures.established, figures.lost], [2, 2, 0]);
  assert.equal(figures.ikeSessionResumeMs!.samples, 2);
  assert.deepEqual(figures.resumptionsRefused, []);
  const there = (await stopped(gateway)).figures;
  assert.deepEqual([there.resumptions, there.tickets], [2, 2]);
});

Deno.test("at a gateway with another key they are set up as a whole, and both ends say why", async () => {
  const { gateway, client } = await restarted(freshSecrets(), freshSecrets());
  assert.match(client.said.join("\n"), /does not resume by the ticket \(TICKET_NACK\)/);
  const { result, figures } = await stopped(client);
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.resumptions, figures.lost], [0, 0]);
  const causes = (of: typeof figures) => of.resumptionsRefused.map(({ cause }) => cause);
  assert.deepEqual(causes(figures), ["TICKET_NACK"]);
  // A request that was repeated meanwhile is refused each time.
  assert.deepEqual(causes((await stopped(gateway)).figures), ["TICKET_UNKNOWN"]);
});

Deno.test("flapping tunnels are resumed again and again", async () => {
  const gateway = gatewayAt("127.0.0.6", ALLOW);
  const flapconf = {
    flapping: true,
    numoftunnel: -1,
    minflapinterval: 100,
    maxflapinterval: 200,
    flapresume: true,
  };
  const client = clientOf(gateway, "127.0.0.6", ALLOW, { flapconf });
  await until(() => client.run.figures().resumptions >= 6);
  const { result, figures } = await stopped(client);
  assert.equal(result, RunResult.PASSED);
  assert.deepEqual([figures.established, figures.lost], [2, 0]);
  assert.deepEqual(figures.resumptionsRefused, []);
  const there = await stopped(gateway);
  assert.ok(there.figures.resumptions >= 6);
  assert.equal(there.figures.lost, 0);
});

Deno.test("the secrets of a gateway are in a file of its own, and are the same after a restart", () => {
  const directory = Deno.makeTempDirSync();
  try {
    const secretsfile = `${directory}/secrets`;
    const ofGateway = setup({ role: "gateway" }, { ...ALLOW, secretsfile });
    const made = openSecrets(ofGateway)!;
    assert.equal(Deno.statSync(secretsfile).mode! & 0o777, 0o600);
    assert.deepEqual(openSecrets(ofGateway), made);
    Deno.writeTextFileSync(secretsfile, "ticketkeyid 00\n");
    assert.throws(() => openSecrets(ofGateway), /secretsfile: .* has no ticketkeyid of 8 octets/);
    Deno.removeSync(secretsfile);
    Deno.symlinkSync("/etc/passwd", secretsfile);
    assert.throws(() => openSecrets(ofGateway), /secretsfile: Cannot read/);
    const never = setup({ role: "gateway" }, { secretsfile });
    assert.equal(openSecrets(never), undefined);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("a gateway that issues no tickets passes over IKE_SESSION_RESUME", async () => {
  const gateway = gatewayAt("127.0.0.6");
  const client = clientOf(gateway, "127.0.0.6", ALLOW);
  await until(() => client.run.summary().hasChild === 2);
  assert.match(client.said.join("\n"), /cannot be resumed/);
  await stopped(client);
  await stopped(gateway);
});

Deno.test("a gateway that was restarted says so by its token, and its tunnels are resumed at once", async () => {
  const secrets = freshSecrets();
  const makes = { ...ALLOW, crashdetection: "make" } as const;
  const before = gatewayAt("127.0.0.6", makes, { secrets });
  const ownport = before.transport.ikePort;
  // No request is given up as long as this test lasts: only the token tells.
  const takes = { ...ALLOW, crashdetection: "take", dpdinterval: 1_000, maxretran: 100 } as const;
  const client = clientOf(before, "127.0.0.6", takes);
  await until(() => client.run.figures().tickets === 2 && client.run.summary().hasChild === 2);
  await crash(before);
  const gateway = gatewayAt("127.0.0.6", makes, { ownport, secrets });
  await until(() => client.run.figures().resumptions === 2);
  assert.match(client.said.join("\n"), /is to be resumed: .* has lost the IKE SA, as its token/);
  const { result, figures } = await stopped(client);
  assert.equal(result, RunResult.PASSED);
  assert.equal(figures.lost, 0);
  assert.ok((await stopped(gateway)).figures.crashAnswers >= 2);
});

Deno.test("tunnels that are resumed ask for the inner addresses that they had", async () => {
  const secrets = freshSecrets();
  const v4startaddr = parsePrefix("10.9.0.1/24")!;
  const poolconf = { v4startaddr, v6startaddr: undefined, v4dnslist: [], v6dnslist: [] };
  const before = gatewayAt("127.0.0.6", ALLOW, { secrets, poolconf });
  const ownport = before.transport.ikePort;
  const client = clientOf(before, "127.0.0.6", { ...QUICK, ratunnel: true }, {
    tunnelmaxretry: 30,
    tunnelretryinterval: 200,
  });
  await until(() => client.run.figures().tickets === 2 && client.run.summary().hasChild === 2);
  const had = innerAddresses(client);
  assert.equal(new Set(had.values()).size, 2);
  await crash(before);
  // The pool of the gateway after its restart begins at another address.
  const wider = { ...poolconf, v4startaddr: parsePrefix("10.9.0.0/24")! };
  const gateway = gatewayAt("127.0.0.6", ALLOW, { ownport, secrets, poolconf: wider });
  await until(() => client.run.figures().resumptions === 2 && client.run.summary().hasChild === 2);
  assert.deepEqual(innerAddresses(client), had);
  for (const run of [client, gateway]) await stopped(run);
});

/** The inner address of each tunnel of a client. */
function innerAddresses({ run }: Begun): Map<number, string> {
  const sas = [...run.loop.endpoint.bySpi.values()].filter(({ inner }) => inner);
  return new Map(
    sas.map((sa) => [sa.index, showAddress(sa.inner!.addresses[0]!)] as const)
      .sort(([a], [b]) => a - b),
  );
}

/** Runs a test with a directory that is removed afterwards. */
async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** A ticket of this length in octets, which does not expire soon. */
function ticket(octets: number): StoredTicket {
  const none = { integrity: 0, additional: [] };
  const suite = suiteByIds(CRYPTO, { encryption: 20, keyBits: 128, prf: 5, group: 31, ...none })!;
  const id = { idType: 2, data: new TextEncoder().encode("one.test") };
  return {
    suite,
    skD: new Uint8Array(suite.prf.keyOctets),
    ownId: id,
    peerId: id,
    ownAuth: 2,
    peerAuth: 2,
    eapIdentity: undefined,
    ppk: false,
    opaque: new Uint8Array(octets),
    gateway: Uint8Array.of(127, 0, 0, 1),
    inner: [],
    expiresEpochMs: Date.now() + 3_600_000,
  };
}

/** The tickets in a file, and the messages about it. */
function ticketsIn(ticketfile: string) {
  const said: string[] = [];
  const note = (words: string) => void said.push(words);
  const store = openTickets(setup({}, { ...ALLOW, ticketfile }), CRYPTO, note)!;
  return { store, said };
}

Deno.test("a client that was killed resumes its tunnels by the tickets in its file", async () => {
  await inDirectory(async (directory) => {
    const ticketfile = `${directory}/tickets`;
    const gateway = gatewayAt("127.0.0.6", ALLOW);
    const first = ticketsIn(ticketfile);
    const tickets = { tickets: first.store };
    const before = clientOf(gateway, "127.0.0.6", ALLOW, {}, tickets);
    await until(() => before.run.figures().tickets === 2);
    assert.throws(() => ticketsIn(ticketfile), /ticketfile: .*Another process uses it/);
    await crash(before);
    first.store.close();
    assert.equal((await Deno.stat(ticketfile)).mode! & 0o777, 0o600);

    const second = ticketsIn(ticketfile);
    assert.match(second.said.join(), /2 tickets of a test before/);
    const client = clientOf(gateway, "127.0.0.6", ALLOW, {}, { tickets: second.store });
    await until(() => client.run.figures().resumptions === 2 && client.run.figures().tickets === 2);
    const { result, figures } = await stopped(client);
    assert.equal(result, RunResult.PASSED);
    assert.deepEqual([figures.established, figures.lost], [2, 0]);
    second.store.close();
    // The gateway has answered the Deletes, and resumes nothing by these tickets.
    assert.equal(ticketsIn(ticketfile).store.before.size, 0);
    assert.deepEqual((await stopped(gateway)).figures.resumptionsRefused, []);
  });
});

Deno.test("tickets for which the file has no room are not kept, which is said once", async () => {
  await inDirectory((directory) => {
    const ticketfile = `${directory}/tickets`;
    const said: string[] = [];
    const note = (words: string) => void said.push(words);
    const open = (octetsMax: number) =>
      openTickets(setup({}, { ...ALLOW, ticketfile }), CRYPTO, note, octetsMax)!;
    const kept = () => {
      const store = open(1_000_000);
      store.close();
      return [...store.before.keys()];
    };
    const store = open(3_000);
    for (const tunnel of [0, 1, 2, 3]) store.given(tunnel, ticket(300));
    assert.equal(said.length, 1);
    assert.match(
      said[0]!,
      /The ticket of tunnel 3, and maybe of others, is not kept, .* 3000 octets/,
    );
    store.gone(0);
    store.given(3, ticket(300));
    // Its ticket before is of no use any more: it is not in the file either.
    store.given(1, ticket(3_000));
    store.close();
    assert.equal(said.length, 1);
    assert.deepEqual(kept(), [2, 3]);
    // A file of before is bounded too.
    const full = open(1_000_000);
    full.given(4, ticket(300));
    full.given(5, ticket(1_000));
    full.close();
    const less = open(3_000);
    less.close();
    assert.match(said.at(-1)!, /The ticket of tunnel 5, and maybe/);
    assert.deepEqual(kept(), [2, 3, 4]);
    return Promise.resolve();
  });
});

Deno.test("a ticket of another identity is not presented, and lines that are no tickets are named", async () => {
  await inDirectory(async (directory) => {
    const ticketfile = `${directory}/tickets`;
    const gateway = gatewayAt("127.0.0.6", ALLOW);
    const first = ticketsIn(ticketfile);
    const before = clientOf(gateway, "127.0.0.6", ALLOW, {}, { tickets: first.store });
    await until(() => before.run.figures().tickets === 2);
    await crash(before);
    first.store.close();
    const [line] = (await Deno.readTextFile(ticketfile)).split("\n");
    const { skd, ...others } = JSON.parse(line!);
    const broken = [
      "",
      "no JSON",
      "[]",
      "null",
      JSON.stringify({ ...others, skd: skd.slice(2) }),
      JSON.stringify({ ...others, skd, tunnel: -1 }),
      JSON.stringify({ ...others, skd, suite: [1, 2] }),
      JSON.stringify({ ...others, skd, ids: [[1, "zz"], []] }),
      JSON.stringify({ ...others, skd, inner: [7] }),
    ];
    await Deno.writeTextFile(ticketfile, broken.join("\n") + "\n", { append: true });
    const second = ticketsIn(ticketfile);
    assert.match(second.said.join("; "), /8 lines of .* are no tickets/);
    const other = { ...ALLOW, myid: "other.test" };
    const client = clientOf(gateway, "127.0.0.6", other, {}, { tickets: second.store });
    await until(() => client.run.summary().hasChild === 2);
    assert.equal((await stopped(client)).figures.resumptions, 0);
    second.store.close();
    await stopped(gateway);
  });
});

Deno.test("a gateway that was restarted refuses tickets that were spent before", async () => {
  await inDirectory((directory) => {
    const secretsfile = `${directory}/secrets`;
    const ofGateway = setup({ role: "gateway" }, { ...ALLOW, secretsfile });
    const names = ["\u0000\uffffabcdef", "\ud800\udc00\udfffxyz01"];
    const first = openSpent(ofGateway, assert.fail)!;
    const untilMs = Date.now() + 60_000;
    for (const name of names) first.added!(name, untilMs);
    first.added!("expired.", Date.now() - 1);
    assert.throws(
      () => openSpent(ofGateway, assert.fail),
      /secretsfile: .*Another process uses it/,
    );
    first.close();
    assert.equal(Deno.statSync(`${secretsfile}.spent`).mode! & 0o777, 0o600);
    const second = openSpent(ofGateway, assert.fail)!;
    assert.deepEqual([...second.untilMs], names.map((name) => [name, untilMs]));
    second.close();
    assert.equal(Deno.readTextFileSync(`${secretsfile}.spent`).split("\n").length, 3);
    assert.equal(openSpent(setup({ role: "gateway" }, ALLOW), assert.fail), undefined);
    return Promise.resolve();
  });
});

Deno.test("a ticket that was presented is refused by the gateway that follows", async () => {
  await inDirectory(async (directory) => {
    const secretsfile = `${directory}/secrets`;
    const ofGateway = setup({ role: "gateway" }, { ...ALLOW, secretsfile });
    const secrets = openSecrets(ofGateway)!;
    const spent = openSpent(ofGateway, assert.fail)!;
    const before = gatewayAt("127.0.0.6", ALLOW, { secrets, spent });
    const ownport = before.transport.ikePort;
    const ticketfile = `${directory}/tickets`;
    const copied = `${directory}/copied`;
    const first = ticketsIn(ticketfile);
    const killed = clientOf(before, "127.0.0.6", ALLOW, {}, { tickets: first.store });
    await until(() => killed.run.figures().tickets === 2);
    await Deno.copyFile(ticketfile, copied);
    await crash(killed);
    first.store.close();
    const again = ticketsIn(ticketfile);
    const client = clientOf(before, "127.0.0.6", ALLOW, {}, { tickets: again.store });
    await until(() => client.run.figures().resumptions === 2);
    await crash(client);
    again.store.close();
    await crash(before);
    spent.close();
    const kept = openSpent(ofGateway, assert.fail)!;
    assert.equal(kept.untilMs.size, 2);
    const gateway = gatewayAt("127.0.0.6", ALLOW, { ownport, secrets, spent: kept });
    const second = ticketsIn(copied);
    const thief = clientOf(gateway, "127.0.0.6", ALLOW, {}, { tickets: second.store });
    await until(() => thief.run.summary().hasChild === 2);
    assert.equal((await stopped(thief)).figures.resumptions, 0);
    const { resumptionsRefused } = (await stopped(gateway)).figures;
    assert.deepEqual(resumptionsRefused.map(({ cause }) => cause), ["TICKET_USED"]);
    second.store.close();
    kept.close();
  });
});
