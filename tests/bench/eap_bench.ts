/**
 * Measures the CPU time of EAP alone: an EAP peer and an EAP server authenticate in one process, without
 * IKE and without RADIUS.
 *
 * Run: deno run -A tests/bench/eap_bench.ts [LOGINS]
 * @module
 */
import type { EapCredentials, EapServerSettings } from "@/eap/method.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { openEapServer } from "@/eap/server.ts";
import { newSimCard } from "@/eap/sim/card.ts";
import { EapUsers } from "@/eap/users.ts";
import { EapType } from "@/iana/eap_type.ts";
import { loadLibssl } from "@/native/libssl.ts";

const logins = Number(Deno.args[0] ?? 300);
const WARM_UP = 30;
const random = (count: number) => crypto.getRandomValues(new Uint8Array(count));
const env = { random, tls: loadLibssl() };
const keys = { k: new Uint8Array(16).fill(7), opc: new Uint8Array(16).fill(9) };
const users = new EapUsers([
  { identity: "bob", password: "secret" },
  { identity: "001", sim: { ...keys, sqn: 0n } },
]);
const pem = (name: string) => Deno.readTextFileSync(new URL(`../api/tls/${name}`, import.meta.url));
const tlsSettings = (name: string, versionMax: number) => ({
  anchors: pem("authority.pem"),
  certificate: pem(`${name}.pem`),
  key: pem(`${name}.key`),
  versionMax,
});

const byPassword = { identity: "bob", password: "secret" };
const bySim = (digit: string) => ({ identity: `${digit}001`, sim: newSimCard(keys, 0n) });
/** Each method: its name, its EAP type, the credentials of the peer, and the TLS version or 0. */
const methods: readonly (readonly [string, number, Omit<EapCredentials, "methods">, number])[] = [
  ["MD5", EapType.MD5_CHALLENGE, byPassword, 0],
  ["GTC", EapType.GTC, byPassword, 0],
  ["MSCHAPv2", EapType.MSCHAPV2, byPassword, 0],
  ["SIM", EapType.SIM, bySim("1"), 0],
  ["AKA", EapType.AKA, bySim("0"), 0],
  ["AKA'", EapType.AKA_PRIME, bySim("6"), 0],
  ["TLS 1.2, P-256", EapType.TLS, byPassword, 0x0303],
  ["TLS 1.3, P-256", EapType.TLS, byPassword, 0x0304],
  ["TTLS, PAP, TLS 1.3", EapType.TTLS, { ...byPassword, inner: "pap" }, 0x0304],
  ["PEAP, MSCHAPv2, TLS 1.2", EapType.PEAP, { ...byPassword, inner: "mschapv2" }, 0x0303],
];
console.log("milliseconds of one login, both ends together in this process");
for (const [name, type, own, version] of methods) {
  if (version && !env.tls) {
    console.log(`${name.padEnd(26)} left out: the shim is not built`);
    continue;
  }
  const client = version ? tlsSettings("client", version) : undefined;
  const server = version ? tlsSettings("server", version) : undefined;
  const settings = { methods: [type], users, tls: server };
  const credentials = { ...own, methods: [type], tls: client };
  for (let i = 0; i < WARM_UP; i++) login(credentials, settings);
  const startMs = performance.now();
  for (let i = 0; i < logins; i++) login(credentials, settings);
  const ms = (performance.now() - startMs) / logins;
  console.log(`${name.padEnd(26)} ${ms.toFixed(3).padStart(8)} ms ${Math.round(1000 / ms)}/s`);
}

/** One authentication from the first request to EAP-Success. @throws Error if it does not succeed. */
function login(own: EapCredentials, settings: EapServerSettings): void {
  const peer = openEapPeer(own, env);
  const server = openEapServer(settings, env);
  let answer = server.start(own.identity);
  while (answer.kind === "send") {
    const response = peer.step(answer.octets);
    if (response.kind !== "send") throw new Error(JSON.stringify(response));
    answer = server.step(response.octets);
  }
  if (answer.kind !== "succeeded") throw new Error(JSON.stringify(answer));
  peer.close();
  server.close();
}
