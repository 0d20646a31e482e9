/**
 * All daemons of a controller file: asked together, and the instances found on them by name.
 * @module
 */
import { must, SetupError } from "@/base/errors.ts";
import type { ControllerFile } from "@/control/controller_file.ts";
import { DaemonClient, type ListedInstance, wordsOf } from "@/control/daemon_client.ts";
import { nearestWord } from "@/setup/kinds.ts";

/** What one daemon said when all were asked. */
export interface DaemonList {
  readonly daemonName: string;
  readonly instances: readonly ListedInstance[];
  /** Why it said nothing; empty: it did. */
  readonly error: string;
}

/** An instance, and the daemon it is on. */
export interface FoundInstance {
  readonly daemonName: string;
  readonly instance: ListedInstance;
}

/** The daemons; connections are made when they are needed. */
export class Daemons {
  readonly file: ControllerFile;
  readonly #clients = new Map<string, DaemonClient>();

  constructor(file: ControllerFile) {
    this.file = file;
  }

  /** @throws {SetupError} for a daemon that the controller file does not have, or whose TLS fails. */
  client(daemonName: string): DaemonClient {
    const known = this.#clients.get(daemonName);
    if (known) return known;
    const entry = this.file.daemons.get(daemonName);
    if (!entry) {
      const names = [...this.file.daemons.keys()], near = nearestWord(daemonName, names);
      const hint = near ? `did you mean ${near}?` : `there are ${names.join(", ")}`;
      throw new SetupError(`The controller file has no daemon ${daemonName}; ${hint}`);
    }
    const client = new DaemonClient(entry);
    this.#clients.set(daemonName, client);
    return client;
  }

  /** Asks these daemons, or all, at the same time; one that does not answer does not hide the others. */
  list(names: readonly string[] = [...this.file.daemons.keys()]): Promise<DaemonList[]> {
    const clients = names.map((name) => [name, this.client(name)] as const);
    return Promise.all(clients.map(async ([daemonName, client]) => {
      try {
        return { daemonName, instances: await client.list(), error: "" };
      } catch (e) {
        return { daemonName, instances: [], error: wordsOf(e) };
      }
    }));
  }

  /**
   * The instance called `NAME`, or `DAEMON/NAME` where several daemons have that name.
   * @throws {SetupError} where there is none, or more than one.
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

  /** Ends all connections. */
  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  /** The entry of a daemon that a recipe names. */
  entry(daemonName: string) {
    const entry = this.file.daemons.get(daemonName);
    must(entry !== undefined, "a recipe names daemons of the controller file");
    return entry;
  }
}
