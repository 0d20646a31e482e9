/** Test traffic over real sockets on loopback: ESP in UDP between two runs, with a rekey meanwhile. */
import assert from "node:assert/strict";
import { RunResult } from "@/engine/show/view.ts";
import { loadShim } from "@/native/load.ts";
import { begin, ESP_IN_UDP } from "../prepared_run.ts";
import { until } from "../two_runs.ts";

Deno.test({
  name: "traffic on sockets goes on while the CHILD_SAs and IKE SAs of its tunnels are rekeyed",
  ignore: !loadShim().symbols,
  async fn() {
    const gateway = await begin(`role: gateway
bindifname: lo
bindifaddr: 127.0.0.1/8
ownport: 0
ownnattport: 0
numberoftunnels: 5
ikeconf:${ESP_IN_UDP}
  childlist: {ownts: {startaddr: 10.1.0.1, endaddr: 10.1.0.1}, peerts: {startaddr: 10.2.0.0, endaddr: 10.2.0.255}}
trafficconf: {direction: in}
`);
    const { run } = await begin(`role: client
bindifname: lo
startclntaddr: 127.0.2.1/8
peeraddr: 127.0.0.1
peerport: ${gateway.ports[0]}
peernattport: ${gateway.ports[1]}
ownport: 0
ownnattport: 0
numberoftunnels: 5
setupinterval: 0s
owntsaddrincrease: 1
peertsaddrincrease: 0
ikeconf:${ESP_IN_UDP}
  childlist: {ownts: {startaddr: 10.2.0.0, endaddr: 10.2.0.0}, peerts: {startaddr: 10.1.0.1, endaddr: 10.1.0.1}}
trafficconf: {rate: 100/s, size: imix}
`);
    const traffic = () => run.figures().traffic!;
    await until(() => traffic().received >= 100);
    run.loop.turn(() => {
      for (const sa of [...run.loop.endpoint.bySpi.values()]) {
        run.loop.command(sa, { kind: "rekey_child", child: sa.children[0]! });
        run.loop.command(sa, { kind: "rekey_ike" });
      }
    });
    await until(() => run.figures().childRekeys === 5 && run.figures().ikeRekeys === 5);
    const atRekey = traffic().received;
    await until(() => traffic().received >= atRekey + 250);
    run.stop(true);
    const { result, figures } = await run.finalResult;
    assert.equal(result, RunResult.PASSED);
    const { flows, sent, received, lost, rekey } = figures.traffic!;
    assert.deepEqual([flows, lost, received], [5, 0, sent]);
    assert.ok(rekey!.sent >= 250 && rekey!.received === rekey!.sent, JSON.stringify(rekey));
    gateway.run.stop(true);
    const { trafficIn } = (await gateway.run.finalResult).figures;
    assert.deepEqual([trafficIn!.flows, trafficIn!.received], [5, sent]);
    assert.ok(trafficIn!.latencyMs!.samples === sent, "both ends have one clock");
  },
});
