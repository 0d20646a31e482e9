/** A whole run of the text of a setup, over real sockets and with its data path. */
import { environment, openTransport, prepareRun } from "@/engine/run/prepare.ts";
import type { TestRun } from "@/engine/run/test_run.ts";
import { EventHub } from "@/engine/show/event_hub.ts";
import { readSetup } from "@/setup/read.ts";

/** The options of `ikeconf` by which ESP is in this process, in UDP. */
export const ESP_IN_UDP = `
  psk: one for both
  dhgrpid: 31
  tradtionalencapforceudp: true
  enablenatt: true
  installfastpath: true
  datapath: userland`;

/** Starts a run; its ports are those of IKE and of NAT-T. */
export async function begin(
  text: string,
): Promise<{ readonly run: TestRun; readonly ports: readonly [ike: number, natt: number] }> {
  const { setup, positionOf } = readSetup(text, "f");
  const transport = openTransport(setup);
  const run = prepareRun(setup, {
    env: await environment(setup, positionOf),
    transport,
    events: new EventHub(),
    setupFileName: "f",
    hooks: {},
    notYet: [],
  });
  run.start();
  return { run, ports: [transport.ikePort, transport.nattPort!] };
}
