/**
 * RADIUS servers of others behind a gateway: FreeRADIUS behind ours, hostapd behind strongSwan's. Each is at
 * 127.0.0.1, port 1812, in the namespace of its gateway, and ends with the row.
 * @module
 */
import { fromHex } from "@/base/bytes.ts";
import { freeRadiusConf } from "../eap/_freeradius.ts";
import { Auc, SECRET } from "../eap/_lab.ts";
import { endProcess, type Lab, type Site, until } from "./harness.ts";
import { IMSI, K, OPC } from "./sim_cards.ts";

/** The address of the servers, and the secret that they share with their gateway. */
export const RADIUS = { address: "127.0.0.1", port: 1812, secret: SECRET } as const;

/** A running server. */
export interface Server {
  /** Its output so far, for a failed row. */
  said(): Promise<string>;
  stop(): Promise<void>;
}

/** A user and a password of both servers. */
export interface RadiusUser {
  readonly name: string;
  readonly password: string;
}

async function started(
  lab: Lab,
  site: Site,
  { command, log }: { readonly command: readonly string[]; readonly log: string },
): Promise<Server> {
  const script = 'log=$1; shift; exec "$@" > "$log" 2>&1';
  const child = lab.spawn(site, ["sh", "-c", script, "server", log, ...command]);
  // Its pipes are closed, as they would be left open and it writes nothing to them.
  await Promise.all([child.stdout.cancel(), child.stderr.cancel()]);
  const said = () => Deno.readTextFile(log).catch(() => "");
  try {
    await until(`${command[0]} on UDP port ${RADIUS.port}`, 15_000, () => {
      return lab.udpBound(child.pid, RADIUS.port);
    });
  } catch (error) {
    await endProcess(child, 1_000);
    throw new Error(`${(error as Error).message}\n${(await said()).slice(-2_000)}`);
  }
  return { said, stop: () => endProcess(child, 2_000) };
}

/** Starts FreeRADIUS behind our gateway, with the certificate of our gateway. */
export async function freeRadius(
  lab: Lab,
  { pki, users }: { readonly pki: string; readonly users: readonly RadiusUser[] },
): Promise<Server> {
  const directory = await Deno.makeTempDir({ dir: lab.directory, prefix: "radius-" });
  const lines = users.map(({ name, password }) => `${name} Cleartext-Password := "${password}"\n`);
  await Deno.writeTextFile(`${directory}/users`, lines.join(""));
  const files = {
    key: `${pki}/ours/ec256/ee.key`,
    certificate: `${pki}/ours/ec256/ee.cert`,
    authority: `${pki}/ca/root.cert`,
  };
  const conf = freeRadiusConf(directory, { port: RADIUS.port, tlsMax: "1.2", files });
  await Deno.writeTextFile(`${directory}/radiusd.conf`, conf);
  const command = ["freeradius", "-X", "-d", directory];
  return await started(lab, lab.ours, { command, log: `${directory}/log` });
}

/** Starts hostapd behind strongSwan's gateway, with one subscriber of AKA'. */
export async function hostapd(lab: Lab): Promise<Server> {
  const directory = await Deno.makeTempDir({ dir: lab.directory, prefix: "hostapd-" });
  const keys = { k: fromHex(K)!, opc: fromHex(OPC)!, sqn: 0n };
  const auc = new Auc(`${directory}/hlr.sock`, new Map([[IMSI, keys]]));
  await Deno.writeTextFile(`${directory}/clients`, `${RADIUS.address}/32 ${RADIUS.secret}\n`);
  await Deno.writeTextFile(`${directory}/users`, `"6"* AKA'\n`);
  const lines = [
    "driver=none",
    `radius_server_clients=${directory}/clients`,
    `radius_server_auth_port=${RADIUS.port}`,
    "eap_server=1",
    `eap_user_file=${directory}/users`,
    `eap_sim_db=unix:${directory}/hlr.sock`,
  ];
  await Deno.writeTextFile(`${directory}/hostapd.conf`, lines.map((line) => `${line}\n`).join(""));
  const command = ["hostapd", "-dd", "-K", `${directory}/hostapd.conf`];
  try {
    const server = await started(lab, lab.theirs, { command, log: `${directory}/log` });
    const stop = async () => {
      await server.stop();
      await auc.close();
    };
    return { said: server.said, stop };
  } catch (error) {
    await auc.close();
    throw error;
  }
}
