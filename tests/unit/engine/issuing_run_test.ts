// Runs of both roles from setups whose certificates are issued while they run.
import assert from "node:assert/strict";
import { parsePrefix } from "@/base/address.ts";
import { portableBackend } from "@/crypto/portable.ts";
import type { KeyKind } from "@/crypto/signature.ts";
import { readCertificateFiles } from "@/engine/run/certificate_files.ts";
import { ownAddressesOf } from "@/engine/run/config_of.ts";
import { RunResult } from "@/engine/show/view.ts";
import { issueCertificate } from "@/pki/issue.ts";
import { encodePem } from "@/pki/pem.ts";
import { authorityTemplate } from "@/pki/templates.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";
import { openPortableUdp } from "@/transport/udp_portable.ts";
import { setup } from "./setups.ts";
import { startRun } from "./two_runs.ts";

const LOOPBACK = parsePrefix("127.0.0.1/8")!;
const TUNNELS = 12;
const crypto = portableBackend();

/** A root that issues, in files. */
async function makeRoot(dir: string, kind: KeyKind = "p-256"): Promise<void> {
  const { publicKey, privateKey } = await crypto.signatures.generate(kind);
  const holder = { commonName: "Lab Root", publicKey, nowMs: Date.now() };
  const means = { backend: crypto, random: crypto.randomOctets };
  const { der } = await issueCertificate(authorityTemplate(holder), { privateKey }, means);
  Deno.mkdirSync(`${dir}/ca`);
  Deno.writeTextFileSync(`${dir}/ca/root.cert`, encodePem({ label: "CERTIFICATE", der }));
  Deno.writeTextFileSync(
    `${dir}/root.key`,
    encodePem({ label: "PRIVATE KEY", der: privateKey.pkcs8 }),
  );
}

async function open(top: Partial<Setup>, ike: Partial<IkeConf>) {
  const whole = setup({ ownport: 0, setupinterval: 0, numberoftunnels: TUNNELS, ...top }, {
    dhgrpid: [31],
    authownmethod: "digital-signature",
    authpeermethod: "digital-signature",
    idincert: "fail",
    ...ike,
  });
  const certificates = await readCertificateFiles(whole, crypto);
  const ownAddresses = ownAddressesOf(whole, () => []);
  const transport = openPortableUdp({ ownAddresses, ikePort: whole.ownport });
  const { run } = startRun(whole, transport, { certificates });
  return { run, port: transport.ikePort };
}

for (const issuekeys of ["one", "each"] as const) {
  Deno.test(`tunnels whose certificates are issued while they are set up: ${issuekeys} key`, async () => {
    const dir = Deno.makeTempDirSync();
    try {
      await makeRoot(dir);
      const ike = {
        cadir: `${dir}/ca`,
        issuercert: `${dir}/ca/root.cert`,
        issuerkey: `${dir}/root.key`,
        issuekeys,
      };
      const gateway = await open({ role: "gateway", bindifaddr: LOOPBACK }, {
        ...ike,
        myid: "cert-dn",
      });
      const { run } = await open({
        role: "client",
        startclntaddr: parsePrefix("127.0.3.1/8")!,
        peeraddr: LOOPBACK.address,
        peerport: gateway.port,
      }, { ...ike, myid: "tunnel-&d.lab.test" });
      while (run.figures().established + run.figures().failed < TUNNELS) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      run.stop(true);
      const { result, figures } = await run.finalResult;
      assert.equal(result, RunResult.PASSED);
      assert.deepEqual([figures.established, figures.failed], [TUNNELS, 0]);
      gateway.run.stop(true);
      await gateway.run.finalResult;
    } finally {
      Deno.removeSync(dir, { recursive: true });
    }
  });
}

Deno.test("ML-DSA-65 on real sockets: IKE_AUTH in eight fragments and more, each way", async () => {
  const dir = Deno.makeTempDirSync();
  try {
    await makeRoot(dir, "ml-dsa-65");
    const ike = {
      cadir: `${dir}/ca`,
      issuercert: `${dir}/ca/root.cert`,
      issuerkey: `${dir}/root.key`,
      enablefragment: true,
      mtu: 1_280,
    };
    const top = { numberoftunnels: 3 };
    const gateway = await open({ role: "gateway", bindifaddr: LOOPBACK, ...top }, ike);
    const said: string[] = [];
    const { run } = await open({
      role: "client",
      startclntaddr: parsePrefix("127.0.3.1/8")!,
      peeraddr: LOOPBACK.address,
      peerport: gateway.port,
      ...top,
    }, { ...ike, myid: "tunnel-&d.lab.test" });
    const write = ({ msg }: { readonly msg: string }) => void said.push(msg);
    run.events.attach({ filter: { level: 5, keyword: "" }, write });
    while (run.figures().established + run.figures().failed < 3) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    run.stop(true);
    const { result, figures } = await run.finalResult;
    assert.deepEqual([result, figures.failures], [RunResult.PASSED, []]);
    const fragments = said.map((line) => /^(Sent|Received) in (\d+) fragments/.exec(line)?.[2])
      .filter((count) => count !== undefined).map(Number);
    // A certificate of 5,500 octets and a signature of 3,309 in each of six messages.
    assert.equal(fragments.length, 6);
    assert.ok(fragments.every((count) => count >= 8), fragments.join());
    gateway.run.stop(true);
    await gateway.run.finalResult;
  } finally {
    Deno.removeSync(dir, { recursive: true });
  }
});
