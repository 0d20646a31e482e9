import assert from "node:assert/strict";
import { makeDirectory } from "@/files/directory.ts";
import {
  appendText,
  createPrivate,
  readPrivate,
  replaceText,
  writeAll,
  writeNew,
  writePublic,
} from "@/files/private_file.ts";

/** The user "nobody", whose processes make the files of other users in these tests. */
const STRANGER = 65534;
const isRoot = Deno.uid() === 0;

const octets = (text: string) => new TextEncoder().encode(text);

/** A directory of root, which contains a directory of another user. */
async function inPlace(check: (own: string, foreign: string) => void | Promise<void>) {
  const own = Deno.makeTempDirSync();
  const foreign = `${own}/foreign`;
  Deno.chmodSync(own, 0o755);
  Deno.mkdirSync(foreign);
  Deno.chownSync(foreign, STRANGER, STRANGER);
  try {
    await check(own, foreign);
  } finally {
    Deno.removeSync(own, { recursive: true });
  }
}

/** Runs a shell command as a user without any right. */
function asStranger(command: string, directory: string): void {
  const { success, stderr } = new Deno.Command("setpriv", {
    args: [`--reuid=${STRANGER}`, `--regid=${STRANGER}`, "--clear-groups", "sh", "-c", command],
    cwd: directory,
  }).outputSync();
  assert.ok(success, new TextDecoder().decode(stderr));
}

function writeLog(path: string): void {
  const { file } = createPrivate(path, { trust: "user", takesDevices: true });
  writeAll(file, octets("a PSK"));
  file.close();
}

const root = (name: string, body: () => void | Promise<void>) =>
  Deno.test({ name, ignore: !isRoot, fn: body });

root(
  "root does not follow the link of a stranger, and what it leads to stays as it is",
  () =>
    inPlace((own, foreign) => {
      const target = `${own}/target`;
      Deno.writeTextFileSync(target, "precious");
      asStranger(`ln -s ${target} log; ln -s ${own}/not-there new`, foreign);
      const isLink = /symbolic link, which is not followed/;
      for (const name of ["log", "new"]) {
        assert.throws(() => writeLog(`${foreign}/${name}`), isLink);
        assert.throws(() => replaceText(`${foreign}/${name}`, "x", "user"), isLink);
        assert.throws(() => appendText(`${foreign}/${name}`, "x", "user"), isLink);
        assert.throws(() => writePublic(`${foreign}/${name}`, ["x"]), isLink);
      }
      assert.throws(() => readPrivate(`${foreign}/log`, 100), isLink);
      assert.equal(Deno.readTextFileSync(target), "precious");
      assert.throws(() => Deno.lstatSync(`${own}/not-there`), Deno.errors.NotFound);
    }),
);

root("root keeps no file that a stranger made before", () =>
  inPlace((_own, foreign) => {
    asStranger("touch log; chmod 666 log", foreign);
    const isForeign = /It belongs to user 65534/;
    assert.throws(() => writeLog(`${foreign}/log`), isForeign);
    assert.throws(() => replaceText(`${foreign}/log`, "x", "user"), isForeign);
    assert.throws(() => appendText(`${foreign}/log`, "x", "user"), isForeign);
    assert.throws(() => readPrivate(`${foreign}/log`, 100), isForeign);
    assert.equal(Deno.readTextFileSync(`${foreign}/log`), "");
  }));

root("a stranger's pipe holds nobody up", () =>
  inPlace((_own, foreign) => {
    asStranger("mkfifo log", foreign);
    for (
      const call of [
        () => writeLog(`${foreign}/log`),
        () => replaceText(`${foreign}/log`, "x", "user"),
        () => appendText(`${foreign}/log`, "x", "user"),
        () => readPrivate(`${foreign}/log`, 100),
      ]
    ) assert.throws(call, /no regular file|Nobody reads this pipe|belongs to user 65534/);
  }));

root("a second name of a file of root is not written to", () =>
  inPlace((own) => {
    Deno.writeTextFileSync(`${own}/shadow`, "root:*", { mode: 0o600 });
    Deno.linkSync(`${own}/shadow`, `${own}/log`);
    assert.throws(() => appendText(`${own}/log`, "x", "user"), /another name as well/);
    // A new file takes the place of the name; the other name keeps the old one.
    writeLog(`${own}/log`);
    assert.equal(Deno.readTextFileSync(`${own}/shadow`), "root:*");
  }));

root("who has the old file open does not read the new one", () =>
  inPlace((own) => {
    const path = `${own}/log`;
    Deno.writeTextFileSync(path, "old", { mode: 0o644 });
    using reader = Deno.openSync(path);
    writeLog(path);
    const buffer = new Uint8Array(100);
    assert.equal(new TextDecoder().decode(buffer.subarray(0, reader.readSync(buffer)!)), "old");
    assert.equal(Deno.readTextFileSync(path), "a PSK");
    const { uid, mode } = Deno.statSync(path);
    assert.deepEqual([uid, mode! & 0o777], [0, 0o600]);
  }));

root(
  "a directory into which others can write is refused, for users and services",
  () =>
    inPlace((own) => {
      const path = `${own}/logs`;
      Deno.mkdirSync(path);
      const modes: [number, RegExp | undefined, RegExp | undefined][] = [
        [0o755, undefined, undefined],
        [0o777, /every user can write/, /every user can write/],
        // The directory is sticky, as /tmp is: no user can replace the files of another one.
        [0o1777, undefined, /every user can write/],
      ];
      for (const [mode, forUser, forService] of modes) {
        Deno.chmodSync(path, mode);
        for (const [trust, words] of [["user", forUser], ["service", forService]] as const) {
          const call = () => replaceText(`${path}/file`, "text", trust);
          if (words) assert.throws(call, words);
          else call();
        }
      }
      Deno.chmodSync(path, 0o775);
      Deno.chownSync(path, 0, STRANGER);
      assert.throws(() => writeLog(`${path}/log`), /the group 65534 can write/);
      Deno.chmodSync(path, 0o755);
      Deno.chmodSync(own, 0o777);
      assert.throws(() => writeLog(`${path}/log`), /every user can write/);
    }),
);

root(
  "a service has no directory of a stranger, nor one below it",
  () =>
    inPlace((_own, foreign) => {
      const isForeign = /belongs to user 65534/;
      assert.throws(() => makeDirectory(foreign, "service"), isForeign);
      assert.throws(() => makeDirectory(`${foreign}/a/b`, "service"), isForeign);
      assert.throws(() => Deno.lstatSync(`${foreign}/a`), Deno.errors.NotFound);
      Deno.mkdirSync(`${foreign}/own`);
      assert.throws(() => makeDirectory(`${foreign}/own`, "service"), isForeign);
      assert.throws(() => appendText(`${foreign}/own/log`, "x", "service"), isForeign);
    }),
);

Deno.test("a missing directory is made so that only its owner can use it", () => {
  const above = Deno.makeTempDirSync();
  makeDirectory(`${above}/a/b`, "service");
  for (const path of ["a", "a/b"]) {
    assert.equal(Deno.statSync(`${above}/${path}`).mode! & 0o777, 0o700);
  }
  Deno.removeSync(above, { recursive: true });
});

Deno.test("a file is replaced whole, and what others may read has the modes of the umask", () => {
  const directory = Deno.makeTempDirSync();
  replaceText(`${directory}/one`, "first", "service");
  replaceText(`${directory}/one`, "second", "service");
  assert.equal(readPrivate(`${directory}/one`, 100), "second");
  assert.throws(() => readPrivate(`${directory}/one`, 3), /It has 6 octets, more than 3/);
  writePublic(`${directory}/two`, ["a", "b"]);
  assert.equal(Deno.readTextFileSync(`${directory}/two`), "ab");
  assert.equal(Deno.statSync(`${directory}/two`).mode! & 0o777, 0o666 & ~Deno.umask());
  assert.deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name).sort(), ["one", "two"]);
  Deno.removeSync(directory, { recursive: true });
});

Deno.test("a pipe that its owner reads, and /dev/stderr, are written as they are", async () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/pipe`;
  assert.ok(new Deno.Command("mkfifo", { args: [path] }).outputSync().success);
  assert.throws(() => writeLog(path), /Nobody reads this pipe/);
  const reader = new Deno.Command("cat", { args: [path], stdout: "piped" }).spawn();
  for (let tries = 0; tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    try {
      writeLog(path);
      break;
    } catch { /* The reader is not there yet. */ }
  }
  assert.equal(new TextDecoder().decode((await reader.output()).stdout), "a PSK");
  createPrivate("/dev/stderr", { trust: "user", takesDevices: true }).file.close();
  Deno.removeSync(directory, { recursive: true });
});

Deno.test("a file that must be new does not overwrite another one, nor follow a link", () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/key`;
  const link = `${directory}/link`;
  try {
    writeNew(path, "first", "user");
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    Deno.symlinkSync(`${directory}/target`, link);
    for (const there of [path, link]) {
      assert.throws(() => writeNew(there, "second", "user"), { errno: "EEXIST" });
    }
    assert.equal(Deno.readTextFileSync(path), "first");
    assert.throws(() => Deno.statSync(`${directory}/target`), Deno.errors.NotFound);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
