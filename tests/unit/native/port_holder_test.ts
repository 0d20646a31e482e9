import assert from "node:assert/strict";
import { portHolder, showPortHolder, waitingSockets } from "@/native/port_holder.ts";

/** Lines as `/proc/net/udp` has them. */
const TABLE = `
   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  100: 0100007F:01F4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4711 2 0
  101: 0100007F:1194 0200007F:01F4 01 00000000:00000000 00:00000000 00000000     0        0 4712 2 0
  102: 00000000:01F4 00000000:0000 01 00000000:00000000 00:00000000 00000000  1000        0 4713 2 0
`;

Deno.test("sockets are those that wait at the local port, with whose they are", () => {
  assert.deepEqual(waitingSockets(TABLE, 500, "07"), [{ inode: "4711", user: 0 }]);
  assert.deepEqual(waitingSockets(TABLE, 500, "01"), [{ inode: "4713", user: 1000 }]);
  assert.deepEqual(waitingSockets(TABLE, 4500, "07"), []);
});

Deno.test("the holder of a port is this process, while it has it", async () => {
  const udp = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = udp.addr as Deno.NetAddr;
  assert.equal(portHolder("udp", port)?.pid, Deno.pid);
  assert.match(showPortHolder("udp", port), new RegExp(`^process ${Deno.pid} \\(.+\\)$`));
  udp.close();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(portHolder("udp", port), undefined);
  assert.equal(showPortHolder("udp", port), "a process that cannot be told");
});
