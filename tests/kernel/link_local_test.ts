/** A link-local gateway dialled by several tunnels, in UDP by both transports and in TCP. */
import assert from "node:assert/strict";
import { Lab } from "../interop/harness.ts";
import { runEnd } from "./two_ends.ts";

const TUNNELS = 3;

for (
  const [name, transport, ike] of [
    ["native UDP", "native", ""],
    ["portable UDP", "portable", ""],
    ["TCP", "native", ", tcpencap: true"],
  ] as const
) {
  Deno.test(`${name}: tunnels to a link-local gateway come up, with its interface named or not`, async () => {
    const lab = await Lab.open("l");
    try {
      const { ours, theirs } = lab;
      const setup = (role: string, more: string) =>
        `role: ${role}
numberoftunnels: ${TUNNELS}
transport: ${transport}
apilistenport: 0
${more}
ikeconf:
  {psk: a secret, dhgrpid: 31, retraninterval: 2s, enablenatt: true${ike},
   childlist: [{ownts: [{type: v6}], peerts: [{type: v6}]}]}
`;
      const gateway = runEnd(
        lab,
        theirs,
        setup(
          "gateway",
          `runningtime: 30s\nbindifname: ${theirs.interface}\nbindifaddr: fe80::a:1/64`,
        ),
        true,
      );
      for (const zone of ["", `%${ours.interface}`]) {
        const client = await runEnd(
          lab,
          ours,
          setup(
            "client",
            `runningtime: 6s\nbindifname: ${ours.interface}\nstartclntaddr: fe80::a:10/64\n` +
              `peeraddr: "fe80::a:1${zone}"`,
          ),
          true,
        );
        assert.equal(client.error, null);
        assert.deepEqual([client.result, client.tunnels.established], ["passed", TUNNELS]);
        assert.deepEqual(client.datagrams.sendErrors, []);
      }
      assert.equal((await gateway).error, null);
    } finally {
      await lab.close();
    }
  });
}
