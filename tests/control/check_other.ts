/**
 * A recipe with another program: a strongSwan that answers our client, on another host.
 * @module
 */
import type { Checks } from "./checks.ts";
import { type Lab, run, TAG } from "./lab.ts";

const SWAN = `swan${TAG}`;
const CLIENT = `cl${TAG}`;
const TUNNELS = 10;
const WAIT_S = 4;
const CHARON = "/usr/lib/ipsec/charon";
const SWANCTL = "/usr/sbin/swanctl";
const ACCEPT_SAS = new URL("../interop/accept_sas.c", import.meta.url).pathname;

/** Checks a recipe with strongSwan on host b, which runs until it is destroyed. */
async function checkOther(checks: Checks, lab: Lab): Promise<void> {
  const directory = await writeSwan(lab);
  const environment =
    `STRONGSWAN_CONF=${directory}/strongswan.conf SWANCTL_DIR=${directory}/swanctl`;
  const swanctl = (words: string) =>
    `${environment} ${SWANCTL} ${words} --uri unix://${directory}/run/charon.vici`;
  lab.write(
    "swan_client.yaml",
    `role: client\nrunningtime: 3s\nnumberoftunnels: ${TUNNELS}\nbindifname: da\n` +
      "startclntaddr: 10.9.1.1/16\npeeraddr: 10.9.0.1\n" +
      "ikeconf: {psk: a secret, dhgrpid: 31, ikeencyptalg: aes-gcm-16:256}\n",
  );
  const up = `mount --bind ${directory}/run /run && ${environment} LD_PRELOAD=` +
    `${directory}/accept_sas.so ${CHARON} & true; timeout 15 sh -c ` +
    `'until test -S ${directory}/run/charon.vici; do sleep 0.1; done'; ${swanctl("--load-all")}`;
  lab.write(
    "swan.recipe",
    `instancelist:
  1:
    name: ${SWAN}
    daemonname: svrb
    other:
      setupcmds: test -x ${CHARON}; test -x ${SWANCTL}
      upcmds: ${JSON.stringify(`${up}; date +%s.%N > ${directory}/up`)}
      destroycmds: ${JSON.stringify(`${swanctl("--stats")} > ${directory}/stats`)}
      dataif: db
      dataifaddr: 10.9.0.1/16
  2:
    name: ${CLIENT}
    daemonname: svra
    waitinterval: ${WAIT_S}s
    myikev2:
      setuppath: swan_client.yaml
      logdir: ${lab.directory}/swanlogs
`,
  );
  const config = lab.controllerFile("controller.conf");
  const before = [await lab.seen(), processes(lab)];
  const { code, stdout, stderr } = await lab.control("run", "swan.recipe", "-c", config, "--json");
  checks.equal("other: exit status", code, 0);
  if (!stdout) throw new Error(stderr);
  const { instances, recipe } = JSON.parse(stdout);
  checks.equal("other: strongSwan ran until the client had passed", instances.map(summaryOf), [
    [1, SWAN, "svrb", "other", "running", null],
    [2, CLIENT, "svra", "myikev2", "passed", TUNNELS],
  ]);
  checks.equal("other: a recipe without a name has its file's", recipe, "swan.recipe");
  const upS = Number(Deno.readTextFileSync(`${directory}/up`));
  // Its setup is recorded when it is defined.
  const { mtime } = Deno.statSync(lab.path(`swanlogs/${CLIENT}.yaml`));
  const clientS = mtime!.getTime() / 1000;
  checks.that("other: waitinterval is waited", clientS - upS >= WAIT_S, clientS - upS);
  checks.that("other: and not much longer", clientS - upS < WAIT_S + 15, clientS - upS);
  const stats = Deno.readTextFileSync(`${directory}/stats`);
  checks.match("other: destroycmds ran while strongSwan was there", stats, /uptime/);
  checks.equal(
    "other: nothing is left, no process either",
    [await lab.seen(), processes(lab)],
    before,
  );
}

interface InstanceTold {
  readonly id: number;
  readonly name: string;
  readonly daemon: string;
  readonly type: string;
  readonly result: string;
  readonly tunnels: { readonly established: number } | null;
}

function summaryOf({ id, name, daemon, type, result, tunnels }: InstanceTold): unknown[] {
  return [id, name, daemon, type, result, tunnels && tunnels.established];
}

/** The processes whose command lines have the lab's directory. */
function processes(lab: Lab): string[] {
  const found: string[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).replaceAll("\0", " ");
      if (words.includes(lab.directory)) found.push(words);
    } catch { /* It has ended. */ }
  }
  return found.sort();
}

/** Writes strongSwan's files; returns their directory. */
async function writeSwan(lab: Lab): Promise<string> {
  const directory = lab.path("swan");
  for (const name of ["run", ...SWANCTL_DIRECTORIES.map((kind) => `swanctl/${kind}`)]) {
    Deno.mkdirSync(`${directory}/${name}`, { recursive: true });
  }
  Deno.writeTextFileSync(`${directory}/strongswan.conf`, strongswanConf(directory));
  Deno.writeTextFileSync(`${directory}/swanctl/swanctl.conf`, SWANCTL_CONF);
  // If the kernel has no ESP, CHILD_SAs are established nevertheless.
  const library = `${directory}/accept_sas.so`;
  const { code, stderr } = await run([
    "gcc",
    "-O2",
    "-shared",
    "-fPIC",
    "-o",
    library,
    ACCEPT_SAS,
    "-ldl",
  ]);
  if (code !== 0) throw new Error(`gcc: ${stderr}`);
  return directory;
}

const SWANCTL_DIRECTORIES =
  "x509 x509ca x509ocsp x509aa x509ac x509crl pubkey private rsa ecdsa bliss pkcs8 pkcs12".split(
    " ",
  );

function strongswanConf(directory: string): string {
  return `charon {
  load = random nonce openssl aes sha1 sha2 hmac kdf gcm curve25519 drbg kernel-netlink socket-default vici updown
  install_routes = no
  plugins {
    vici {
      socket = unix://${directory}/run/charon.vici
    }
  }
}
`;
}

const SWANCTL_CONF = `connections {
  many {
    version = 2
    local_addrs = 10.9.0.1
    proposals = aes256gcm16-prfsha256-x25519,aes256gcm16-prfsha1-x25519,aes256gcm16-prfsha512-x25519
    local {
      auth = psk
      id = 10.9.0.1
    }
    remote {
      auth = psk
    }
    children {
      many {
        local_ts = 0.0.0.0/0
        remote_ts = 0.0.0.0/0
        esp_proposals = aes128gcm16,aes256gcm16,aes128-sha1,aes128-sha256,default
      }
    }
  }
}
secrets {
  ike-1 {
    secret = "a secret"
  }
}
`;

/** The checks of this file by name. */
export const otherChecks = { checkOther };
