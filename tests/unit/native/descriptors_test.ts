import assert from "node:assert/strict";
import net from "node:net";
import { keepDescriptorsFromChildren } from "@/native/descriptors.ts";

/** The sockets that a new process inherits from this one, as the kernel names them. */
async function inherited(): Promise<string[]> {
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", "ls -l /proc/self/fd"],
    stdin: "null",
    stderr: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line.includes("socket:"));
}

Deno.test("a process that is started has no socket of this one", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/here.sock`;
  const accepted: net.Socket[] = [];
  const listener = net.createServer((socket) => accepted.push(socket));
  await new Promise<void>((resolve) => listener.listen({ path }, resolve));
  const caller = net.connect({ path });
  await new Promise<void>((resolve) => caller.once("connect", () => resolve()));
  keepDescriptorsFromChildren();
  assert.deepEqual(await inherited(), []);
  // The marked descriptors are still open here.
  const answer = new Promise<string>((resolve) => caller.once("data", (d) => resolve(`${d}`)));
  accepted[0]!.write("still here");
  assert.equal(await answer, "still here");
  caller.destroy();
  for (const socket of accepted) socket.destroy();
  await new Promise<void>((resolve) => listener.close(() => resolve()));
  await Deno.remove(directory, { recursive: true });
});
