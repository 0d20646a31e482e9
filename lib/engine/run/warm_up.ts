/**
 * Sets up tunnels in memory before a test of many tunnels begins. The runtime compiles a function the better
 * the more often it was called, so that the first hundred tunnels of a process would cost three times as much
 * as later ones, and the test would measure this program in place of its peer.
 * @module
 */
import type { CryptoBackend } from "@/crypto/backend.ts";
import { ikeConfigOf, planOf } from "@/engine/run/config_of.ts";
import { TestRun } from "@/engine/run/test_run.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { HashAlgorithm } from "@/iana/hash_algorithm.ts";
import { signing, verifying } from "@/ike/auth/one_authority.ts";
import type { BothAuthConfigs, IkeConfig } from "@/ike/records/config.ts";
import { issueCertificate } from "@/pki/issue.ts";
import { authorityTemplate } from "@/pki/templates.ts";
import { everyOwnMethod, everyPeerMethod, isSignature } from "@/setup/auth_methods.ts";
import { hasStages } from "@/setup/check_load.ts";
import { readSetup } from "@/setup/read.ts";
import type { Setup } from "@/setup/setup.ts";
import { memoryLink } from "@/transport/memory_link.ts";
import type { Transport } from "@/transport/transport.ts";

/** The least tunnels of a test that is worth the time. */
const TUNNELS_MIN = 500;
/** How many tunnels are set up, and the most milliseconds that are spent, as suites differ in their cost. */
const EXTENT = { tunnels: 600, maxMs: 2_500 };
/** The most tunnels that are set up at a time. */
const HALF_OPEN_MAX = 32;
/** How often it is looked whether the tunnels are there, in milliseconds. */
const LOOK_MS = 5;
/** For how long the certificates that are made here are valid, in milliseconds. */
const VALID_MS = 3_600_000;

/**
 * Whether a test of this setup begins with a warm-up. A gateway does not know the pace of its clients. With
 * the portable backend the arithmetic takes most of the time, warm or not.
 */
export function wantsWarmUp(setup: Setup, backend: CryptoBackend): boolean {
  const { warmup, role, numberoftunnels, setupinterval, loadconf } = setup;
  if (!warmup || backend.name !== "native") return false;
  return numberoftunnels >= TUNNELS_MIN &&
    (role === "gateway" || setupinterval === 0 || hasStages(loadconf));
}

/**
 * Sets up tunnels in memory where a test of this setup begins with that. A warm-up that fails is a warning, as
 * the test can go on without it.
 */
export async function warmUpFirst(
  setup: Setup,
  crypto: CryptoBackend,
  say: { readonly note: (words: string) => void; readonly warn: (words: string) => void },
): Promise<void> {
  if (!wantsWarmUp(setup, crypto)) return;
  try {
    const tunnels = await warmUp(setup, crypto);
    say.note(`Set up ${tunnels} tunnels in memory before the test (warmup)`);
  } catch (e) {
    say.warn(`Could not set up tunnels in memory before the test (warmup): ${e}`);
  }
}

/**
 * Sets up tunnels with the first algorithms of a setup between two ends in memory, and forgets them. They
 * authenticate by certificates if an end of the setup does, and otherwise by a pre-shared key. Returns how
 * many were set up; fewer than usual, also none, is no error of the test.
 */
export async function warmUp(
  setup: Setup,
  crypto: CryptoBackend,
  { tunnels, maxMs } = EXTENT,
): Promise<number> {
  const endMs = performance.now() + maxMs;
  const auth = await authFor(setup, crypto);
  const [near, far] = memoryLink({ ikePort: 500, nattPort: 4500, halfOpenMax: HALF_OPEN_MAX });
  const gateway = runOf(setupFor(setup, "gateway", tunnels), { crypto, auth, transport: far });
  const client = runOf(setupFor(setup, "client", tunnels), { crypto, auth, transport: near });
  let isOver = false;
  client.finalResult.then(() => isOver = true);
  gateway.start();
  client.start();
  const { tally } = client;
  while (!isOver && tally.established < tunnels && performance.now() < endMs) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  client.stop(false);
  gateway.stop(false);
  await Promise.all([client.finalResult, gateway.finalResult]);
  return tally.established;
}

/** What a run in memory needs in addition to its setup. */
interface Means {
  readonly crypto: CryptoBackend;
  readonly auth: BothAuthConfigs | undefined;
  readonly transport: Transport;
}

function runOf(setup: Setup, { crypto, auth, transport }: Means): TestRun {
  const config: IkeConfig = {
    ...ikeConfigOf(setup),
    ...(auth ? { auth, signatureHashes: [HashAlgorithm.SHA2_256, HashAlgorithm.IDENTITY] } : {}),
  };
  return new TestRun({
    setup,
    setupFileName: "warm-up",
    plan: planOf(setup, transport),
    config,
    env: { crypto, random: crypto.randomOctets, childrenBySpi: new Map(), broken: new Set() },
    transport,
    events: new EventHub(),
  });
}

/** The setup of one end: defaults, with what decides which code a set-up runs through. */
function setupFor({ ikeconf }: Setup, role: "client" | "gateway", tunnels: number): Setup {
  const ends = role === "client"
    ? "startclntaddr: 127.0.0.2/8\npeeraddr: 127.0.0.1"
    : "bindifaddr: 127.0.0.1/8";
  const text = `role: ${role}
numberoftunnels: ${tunnels}
setupinterval: 0s
tunnelmaxretry: 1
bindifname: lo
${ends}
ikeconf: { psk: warm-up, myid: "tunnel-&d.warm-up", childlist: {} }
`;
  const { setup } = readSetup(text, "warm-up");
  const { dhgrpid, addke1, ikeencyptalg, ikeintegrityalg, ikeprfalg } = ikeconf;
  const { enablenatt, enablefragment, mtu } = ikeconf;
  const [child] = setup.ikeconf.childlist;
  const [{ encalg, integrityalg, esn } = child!] = ikeconf.childlist;
  const algorithms = { dhgrpid, addke1, ikeencyptalg, ikeintegrityalg, ikeprfalg };
  return {
    ...setup,
    ikeconf: {
      ...setup.ikeconf,
      ...algorithms,
      enablenatt,
      enablefragment,
      mtu,
      childlist: [{ ...child!, encalg, integrityalg, esn }],
    },
  };
}

/** Certificates of an authority that is made here; undefined: no end of the setup has certificates. */
async function authFor(
  { ikeconf }: Setup,
  backend: CryptoBackend,
): Promise<BothAuthConfigs | undefined> {
  const methods = [...everyOwnMethod(ikeconf), ...everyPeerMethod(ikeconf)];
  if (!methods.some(isSignature)) return undefined;
  const keyType = { kind: "p-256" } as const;
  const { publicKey, privateKey } = await backend.signatures.generate(keyType.kind);
  const sharedPair = await backend.signatures.generate(keyType.kind);
  const certificate = await issueCertificate(
    authorityTemplate({ commonName: "warm-up", publicKey, nowMs: Date.now() }),
    { privateKey },
    { backend, random: backend.randomOctets },
  );
  const issuing = { certificate, privateKey, sharedPair, keyType, lifetimeMs: VALID_MS };
  return { own: signing({ issuing }), peer: verifying(certificate) };
}
