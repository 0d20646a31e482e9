/**
 * Asks all daemons of a controller file at the same time, and finds instances on them by name.
 * @module
 */
import { must, SetupError } from "@/base/errors.ts";
import type { ControllerFile } from "@/control/controller_file.ts";
import { DaemonClient, describeError, type ListedInstance } from "@/control/daemon_client.ts";
import { nearestWord } from "@/setup/kinds.ts";

/** The answer of one daemon when all were asked. */
export interface DaemonList {
  readonly daemonName: string;
  readonly instances: readonly ListedInstance[];
  /** The reason why there is no answer; empty if there is one. */
  readonly error: string;
}

/** An instance and its daemon. */
export interface FoundInstance {
  readonly daemonName: string;
  readonly instance: ListedInstance;
}

/** The daemons of a controller file. A connection is made when it is first needed. */
export class Daemons {
  readonly file: ControllerFile;
  readonly #clients = new Map<string, DaemonClient>();

  constructor(file: ControllerFile) {
    this.file = file;
  }

  /**
   * The client of a daemon. @throws {SetupError} if the controller file does not name it, or its TLS files
   * fail.
   */
  client(daemonName: string): DaemonClient {
    const known = this.#clients.get(daemonName);
    if (known) return known;
    const entry = this.file.daemons.get(daemonName);
    if (!entry) {
      const names = [...this.file.daemons.keys()];
      const near = nearestWord(daemonName, names);
      const hint = near ? `did you mean ${near}?` : `there are ${names.join(", ")}`;
      throw new SetupError(`The controller file has no daemon ${daemonName}; ${hint}`);
    }
    const client = new DaemonClient(entry);
    this.#clients.set(daemonName, client);
    return client;
  }

  /**
   * Lists the instances of the named daemons, by default of all. A daemon that does not answer hides no
   * other.
   */
  list(names: readonly string[] = [...this.file.daemons.keys()]): Promise<DaemonList[]> {
    const clients = names.map((name) => [name, this.client(name)] as const);
    return Promise.all(clients.map(async ([daemonName, client]) => {
      try {
        return { daemonName, instances: await client.list(), error: "" };
      } catch (e) {
        return { daemonName, instances: [], error: describeError(e) };
      }
    }));
  }

  /**
   * Finds the instance called `NAME`, or `DAEMON/NAME` where several daemons have that name.
   * @throws {SetupError} if there is none, or more than one.
   */
  async find(target: string): Promise<FoundInstance> {
    const slash = target.indexOf("/");
    const name = target.slice(slash + 1);
    const lists = await this.list(slash < 0 ? undefined : [target.slice(0, slash)]);
    const found = lists.flatMap(({ daemonName, instances }) =>
      instances.filter((i) => i.name === name).map((instance) => ({ daemonName, instance }))
    );
    if (found.length > 1) {
      const places = found.map(({ daemonName }) => `${daemonName}/${name}`).join(" or ");
      throw new SetupError(`Several daemons have an instance ${name}: say ${places}`);
    }
    if (found.length === 1) return found[0]!;
    const silent = lists.filter(({ error }) => error !== "");
    if (silent.length > 0) {
      const who = silent.map((s) => `${s.daemonName}: ${s.error}`).join("; ");
      throw new SetupError(`Cannot find the instance ${name}: ${who}`);
    }
    const near = nearestWord(name, lists.flatMap((l) => l.instances.map((i) => i.name)));
    throw new SetupError(
      `No daemon has an instance ${name}${near ? `; did you mean ${near}?` : ""}`,
    );
  }

  /** Closes all connections. */
  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** The entry of a daemon that a recipe names. @throws {SetupError} if there is none. */
  entry(daemonName: string) {
    const entry = this.file.daemons.get(daemonName);
    must(entry !== undefined, "a recipe names daemons of the controller file");
    return entry;
  }
}
