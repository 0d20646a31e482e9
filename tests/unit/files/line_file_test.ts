// A file of lines that outlives a crash: what it has, how it is written anew, and who may use it.
import assert from "node:assert/strict";
import { LineFile, readLines } from "@/files/line_file.ts";

/** A file in a directory of its own, which is removed afterwards. */
function inDirectory(test: (path: string) => void): void {
  const directory = Deno.makeTempDirSync();
  try {
    test(`${directory}/lines`);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

const opened = (path: string, lines: string[], octetsMax = 1_000) =>
  new LineFile({ path, octetsMax, lines: () => lines, failed: assert.fail });

Deno.test("a file of lines is its owner's, and has at once what is appended", () => {
  inDirectory((path) => {
    assert.deepEqual(readLines(path, 10), []);
    const file = opened(path, ["one"]);
    assert.equal(Deno.statSync(path).mode! & 0o777, 0o600);
    file.append("two");
    assert.deepEqual(readLines(path, 100), ["one", "two"]);
    file.close();
    file.append("three");
    assert.deepEqual(readLines(path, 100), ["one", "two"]);
    assert.throws(() => readLines(path, 3));
  });
});

Deno.test("a file of lines that has grown too long is written anew", () => {
  inDirectory((path) => {
    const lines: string[] = [];
    const file = opened(path, lines, 20);
    for (let n = 10; n < 17; n++) {
      lines.splice(0, 1, `${n}`);
      file.append(`${n}`);
    }
    assert.deepEqual(readLines(path, 100), ["16"]);
    file.append("17");
    assert.deepEqual(readLines(path, 100), ["16", "17"]);
    file.close();
  });
});

Deno.test("a file of lines is not opened twice, nor through a link", () => {
  inDirectory((path) => {
    const file = opened(path, ["one"]);
    assert.throws(() => opened(path, []), /Another process uses it/);
    file.close();
    opened(path, ["two"]).close();
    assert.deepEqual(readLines(path, 100), ["two"]);
    Deno.removeSync(path);
    Deno.symlinkSync("/etc/passwd", path);
    assert.throws(() => opened(path, []));
    assert.throws(() => readLines(path, 1_000_000));
  });
});

Deno.test("a line that cannot be written is reported once", () => {
  inDirectory((path) => {
    const failures: string[] = [];
    let isBroken = false;
    const file = new LineFile({
      path,
      octetsMax: 1,
      lines: () => {
        if (isBroken) throw new Error("no space left");
        return [];
      },
      failed: (why) => void failures.push(why),
    });
    isBroken = true;
    file.append("one");
    file.append("two");
    assert.deepEqual(failures, ["no space left"]);
  });
});

Deno.test("a file of lines is not written anew with each line, however many count", () => {
  inDirectory((path) => {
    const lines = Array.from({ length: 100 }, (_, n) => `${n + 100}`);
    let rewrites = 0;
    const file = new LineFile({
      path,
      octetsMax: 40,
      lines: () => {
        rewrites++;
        return lines;
      },
      failed: assert.fail,
    });
    for (let n = 0; n < 200; n++) file.append("100");
    assert.equal(rewrites, 2, "at first, and whenever it has twice the octets");
    file.close();
  });
});

Deno.test("while a file of lines is written anew, and after that has failed, the old one is there", () => {
  inDirectory((path) => {
    const failures: string[] = [];
    const before: string[][] = [];
    let isBroken = false;
    const file = new LineFile({
      path,
      octetsMax: 10,
      *lines() {
        if (isBroken) before.push(readLines(path, 100));
        yield "new";
        if (isBroken) throw new Error("no space left");
      },
      failed: (why) => void failures.push(why),
    });
    file.append("old");
    isBroken = true;
    file.append("more");
    assert.deepEqual(before, [["new", "old"]]);
    assert.deepEqual(failures, ["no space left"]);
    assert.deepEqual(readLines(path, 100), ["new", "old"]);
    assert.deepEqual([...Deno.readDirSync(path.replace(/\/lines$/, ""))].map(({ name }) => name), [
      "lines",
    ]);
  });
});
