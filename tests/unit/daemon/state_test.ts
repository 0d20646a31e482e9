import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { SetupError } from "@/base/errors.ts";
import { type InstanceRecord, InstanceState } from "@/daemon/record.ts";
import { finishedRuns, StateFile } from "@/daemon/state.ts";

/** The record of an instance, with the members in `over` changed. */
function record(name: string, over: Partial<InstanceRecord> = {}): InstanceRecord {
  return {
    name,
    type: 1,
    run: 1,
    bootId: "boot",
    logDirectory: "/log",
    namespace: `myikev2-${name}`,
    link: "my2mgmt0",
    address: "169.254.240.2",
    apiPort: 12330,
    apiTls: false,
    moved: null,
    destroyCommands: [],
    namespaceInode: 0,
    state: InstanceState.STARTING,
    hasNetwork: true,
    leftProcess: false,
    process: null,
    reason: "",
    summary: null,
    ping: null,
    ...over,
  };
}

/** Calls `body` with the path of a directory that does not exist yet. */
function withDirectory(body: (directory: string) => void): void {
  const directory = Deno.makeTempDirSync({ prefix: "state" });
  try {
    body(`${directory}/deep`);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

Deno.test("the next daemon finds the instances of the previous one, in the order of their definition", () => {
  withDirectory((directory) => {
    const first = new StateFile(directory);
    const b = record("b");
    const a = record("a", { moved: null, reason: "with 'quotes' and ☺" });
    for (const instance of [b, a]) first.save(instance);
    b.state = InstanceState.RUNNING;
    b.process = { pid: 7, startTicks: 99, bootId: "boot" };
    first.save(b);
    first.close();
    const second = new StateFile(directory);
    assert.deepEqual(second.instances(), [b, a]);
    second.forget("b");
    second.forget("nobody");
    assert.deepEqual(second.instances(), [a]);
    second.close();
  });
});

Deno.test("a record that an earlier version saved is read under the present names of its members", () => {
  withDirectory((directory) => {
    const moved = { name: "eth1", isUp: true, master: "", addresses: [], routes: [] };
    const state = new StateFile(directory);
    const present = record("a", { moved, hasNetwork: true });
    const { moved: lent, hasNetwork: hasSite, reason: words, ...rest } = present;
    state.save({ ...rest, lent, hasSite, words } as unknown as InstanceRecord);
    state.close();
    const later = new StateFile(directory);
    assert.deepEqual(later.instances(), [present]);
    later.close();
  });
});

Deno.test("the history of an earlier version is read, before and after a daemon has opened it", () => {
  withDirectory((directory) => {
    const state = new StateFile(directory);
    const run = state.beginRun("one", 1, "/log");
    state.endRun(run, { outcome: "died", reason: "why", established: null, configured: null });
    state.close();
    const database = new DatabaseSync(`${directory}/daemon.sqlite`);
    database.exec("ALTER TABLE runs RENAME COLUMN reason TO words");
    database.close();
    assert.equal(finishedRuns(directory)[0]?.reason, "why");
    const later = new StateFile(directory);
    const next = later.beginRun("two", 1, "/log");
    later.endRun(next, { outcome: "died", reason: "how", established: null, configured: null });
    later.close();
    assert.deepEqual(finishedRuns(directory).map(({ reason }) => reason), ["why", "how"]);
  });
});

Deno.test("finished runs are listed, running ones are not, and only the first end of a run is recorded", () => {
  withDirectory((directory) => {
    const state = new StateFile(directory);
    const one = state.beginRun("one", 1, "/log");
    const two = state.beginRun("two", 2, "/other");
    assert.deepEqual(finishedRuns(directory), []);
    state.endRun(one, { outcome: "failed", reason: "why", established: 3, configured: 9 });
    state.endRun(one, { outcome: "died", reason: "", established: null, configured: null });
    const [run, ...more] = finishedRuns(directory);
    assert.deepEqual(more, []);
    const { defined, ended, ...rest } = run!;
    assert.deepEqual(rest, {
      run: one,
      name: "one",
      type: 1,
      outcome: "failed",
      reason: "why",
      logDirectory: "/log",
      established: 3,
      configured: 9,
    });
    assert.ok(defined <= ended && ended <= Date.now());
    state.endRun(two, { outcome: "ended", reason: "", established: null, configured: null });
    assert.deepEqual(finishedRuns(directory).map(({ name }) => name), ["one", "two"]);
    state.close();
  });
});

Deno.test("two daemons cannot use one state directory, and only its owner can read the files", () => {
  withDirectory((directory) => {
    const state = new StateFile(directory);
    assert.throws(() => new StateFile(directory), SetupError);
    for (const file of ["daemon.sqlite", "daemon.lock"]) {
      assert.equal(Deno.statSync(`${directory}/${file}`).mode! & 0o077, 0, file);
    }
    state.close();
    new StateFile(directory).close();
  });
});

Deno.test("the error for a missing history names the option --statedir", () => {
  assert.throws(() => finishedRuns("/nonexistent"), /--statedir/);
});

Deno.test("no other user can read the files of the state while the daemon has them open", () =>
  withDirectory((directory) => {
    const state = new StateFile(directory);
    try {
      state.save(record("one"));
      const modes = [...Deno.readDirSync(directory)].map(({ name }) =>
        [name, Deno.statSync(`${directory}/${name}`).mode! & 0o777] as const
      );
      assert.ok(modes.length >= 3, "database, write-ahead log, lock");
      for (const [name, mode] of modes) assert.equal(mode, 0o600, name);
    } finally {
      state.close();
    }
  }));

Deno.test("a state directory into which others can write is refused", () =>
  withDirectory((directory) => {
    Deno.mkdirSync(directory);
    Deno.chmodSync(directory, 0o777);
    assert.throws(
      () => new StateFile(directory),
      (e: unknown) => e instanceof SetupError && /every user can write/.test(e.message),
    );
  }));
