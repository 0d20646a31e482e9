// Which user owns the UDP socket that a RADIUS request of eapol_test has come from, as the kernel tells it
// of one socket, and as the table of all sockets does.
import assert from "node:assert/strict";
import { ownerInTable, udpSocketOwner } from "@/native/socket_owner.ts";

const address = Uint8Array.of(127, 0, 0, 1);
const at = (port: number) => ({ address, port });
const listen = () => Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
const portOf = ({ addr }: Deno.DatagramConn) => (addr as Deno.NetAddr).port;
const NOBODY = 65_534;

/** Starts a process of a user, whose UDP socket is connected to the server and has sent a datagram. */
async function connected(server: Deno.DatagramConn, user: number) {
  const command = 'exec 3<>"/dev/udp/127.0.0.1/$0"; echo x >&3; read';
  const bash = ["bash", "-c", command, String(portOf(server))];
  const as = [`--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
  const [program, ...args] = user === Deno.uid() ? bash : ["setpriv", ...as, ...bash];
  const child = new Deno.Command(program!, { args, stdin: "piped" }).spawn();
  const [, from] = await server.receive();
  const end = async () => {
    await child.stdin.close();
    await child.status;
  };
  return { port: (from as Deno.NetAddr).port, end };
}

for (const user of Deno.uid() === 0 ? [0, NOBODY] : [Deno.uid()!]) {
  Deno.test(`user ${user}: the owner of a connected UDP socket is found, no other`, async () => {
    const [server, other] = [listen(), listen()];
    const { port, end } = await connected(server, user);
    const table = Deno.readTextFileSync("/proc/net/udp");
    for (const owner of [udpSocketOwner, ownerInTable.bind(undefined, table)]) {
      assert.equal(owner(at(port), at(portOf(server))), user);
      assert.equal(owner(at(port), at(portOf(other))), undefined, "it is connected elsewhere");
      assert.equal(owner(at(portOf(server)), at(port)), undefined, "the server is not connected");
      assert.equal(owner(at(portOf(other)), at(portOf(server))), undefined, "nor is the other");
    }
    await end();
    assert.equal(udpSocketOwner(at(port), at(portOf(server))), undefined, "it is closed");
    server.close();
    other.close();
  });
}
