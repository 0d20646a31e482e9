import assert from "node:assert/strict";
import os from "node:os";
import type { ShimSymbols } from "@/native/load.ts";
import { acceptTcp } from "@/native/tcp.ts";

/** A shim whose accept returns an errno. */
function refusing(errno: number): ShimSymbols {
  return { my_tcp_accept: () => -errno } as unknown as ShimSymbols;
}

Deno.test("a connection that the system refuses to hand over is no end of its listener, and no busy loop", () => {
  const { EAGAIN, EMFILE, EPERM, ECONNABORTED, EBADF } = os.constants.errno;
  assert.equal(acceptTcp(refusing(EAGAIN), 3), undefined);
  assert.equal(acceptTcp(refusing(EMFILE), 3), "full");
  assert.equal(acceptTcp(refusing(EPERM), 3), "refused");
  assert.equal(acceptTcp(refusing(ECONNABORTED), 3), "refused");
  assert.throws(() => acceptTcp(refusing(EBADF), 3), /accept fails: EBADF/);
});
