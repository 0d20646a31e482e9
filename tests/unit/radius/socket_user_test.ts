// Whose UDP socket a RADIUS request is from, by the kernel's table.
import assert from "node:assert/strict";
import { isPortOfUser, userHasPort } from "@/radius/socket_user.ts";

const TABLE =
  `   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  519: 0100007F:D5A4 0100007F:0714 01 00000000:00000000 00:00000000 00000000  1000        0 41523 2 0000000000000000 0
  520: 00000000:D5A5 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 41524 2 0000000000000000 0
  521: 0100007F:D5A6 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 41525 2 0000000000000000 0
  522: 00000000:D5A6 00000000:0000 07 00000000:00000000 00:00000000 00000000  1001        0 41526 2 0000000000000000 0
  523: 0200000A:D5A7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 41527 2 0000000000000000 0
`;

Deno.test("the user of a socket on loopback, or at any address, is found", () => {
  assert.ok(userHasPort(TABLE, 0xd5a4, 1000));
  assert.ok(userHasPort(TABLE, 0xd5a5, 0));
  assert.ok(!userHasPort(TABLE, 0xd5a4, 0), "another user's");
  assert.ok(!userHasPort(TABLE, 0xd5a6, 0), "shared with another user");
  assert.ok(!userHasPort(TABLE, 0xd5a7, 0), "at another address");
  assert.ok(!userHasPort(TABLE, 0xd5a8, 0), "nobody's");
});

Deno.test("the kernel's table is read as it is", () => {
  const conn = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = conn.addr as Deno.NetAddr;
  const user = Deno.uid()!;
  assert.ok(isPortOfUser(port, user));
  assert.ok(!isPortOfUser(port, user + 1));
  conn.close();
});
