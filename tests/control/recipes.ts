/**
 * The setups and the recipe that checks of the controller run: a gateway on one host, a client on the
 * other.
 * @module
 */
import { type Lab, TAG } from "./lab.ts";

/** The names of the instances. */
export const GATEWAY = `gw${TAG}`;
export const CLIENT = `cl${TAG}`;
const TUNNELS = 10;

/** Writes the setups of both ends; the gateway runs until it is stopped. */
export function writeSetups(lab: Lab, clientPsk = "a secret"): void {
  const common = (psk: string) =>
    `numberoftunnels: ${TUNNELS}\nikeconf:\n  psk: ${psk}\n  dhgrpid: 31\n  ikeencyptalg: aes-gcm-16:256\n`;
  lab.write(
    "gateway.yaml",
    `role: gateway\nbindifname: db\nbindifaddr: 10.9.0.1/16\n${common("a secret")}`,
  );
  lab.write(
    "client.yaml",
    `role: client\nrunningtime: 4s\nbindifname: da\nstartclntaddr: 10.9.1.1/16\npeeraddr: 10.9.0.1\n` +
      `${common(clientPsk)}`,
  );
}

/** The differences from the usual recipe. */
export interface RecipeChange {
  readonly setup?: string;
  readonly more?: string;
}

/** Writes the recipe; returns its path. */
export function writeRecipe(
  lab: Lab,
  name: string,
  { setup = "", more = "" }: RecipeChange = {},
): string {
  return lab.write(
    name,
    `name: a pair & more
setupcmds:
- daemonname: svra
  cmds: echo by key > %DIR%/setup_a; ip link show da >> %DIR%/setup_a${setup}
- daemonname: svrb
  cmds: sleep 1; echo by password > %DIR%/setup_b
cleancmds:
- daemonname: svra
  cmds: mv %DIR%/setup_a %DIR%/clean_a
- daemonname: svrb
  cmds: echo clean > %DIR%/clean_b
instancelist:
  2:
    name: ${CLIENT}
    daemonname: svra
    waitinterval: 1s
    myikev2:
      setupath: client.yaml
      logdir: ${lab.directory}/logs
    other: null
  1:
    name: ${GATEWAY}
    daemonname: svrb
    waitinterval: 0s
    myikev2:
      setuppath: gateway.yaml
      logdir: ${lab.directory}/logs
${more}`,
  );
}
