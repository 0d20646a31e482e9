/**
 * Connects IKE SAs to their TCP connections (RFC 9329 §6.1): which SA uses which connection, what happens
 * when one is lost, and when one is released.
 * @module
 */
import { endsKey, type Path, samePath, showPath } from "@/base/address.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeEffect, IkeEvent } from "@/ike/records/event.ts";
import type { Connections, LostConnection } from "@/transport/transport.ts";

/** What the keeper needs of its owner. */
export interface KeeperOwner {
  readonly sas: Iterable<IkeSa>;
  command(sa: IkeSa, event: IkeEvent): void;
  note(level: 3 | 4, text: string, sa: IkeSa | undefined): void;
}

/** The TCP connections of all IKE SAs of a run. */
export class ConnectionKeeper {
  readonly #connections: Connections;
  readonly #owner: KeeperOwner;
  /** Authenticated SAs by the ends of their connection; there are two during a rekey. */
  readonly #users = new Map<string, Set<IkeSa>>();

  constructor(connections: Connections, owner: KeeperOwner) {
    this.#connections = connections;
    this.#owner = owner;
  }

  /** Opens a connection for a tunnel that is going to be dialled; `why` if it failed at once. */
  dial(path: Path): { readonly path: Path; readonly why?: string } {
    try {
      return { path: this.#connections.open(path) };
    } catch (e) {
      if (!(e instanceof SetupError || e instanceof SystemError)) throw e;
      return { path, why: e.message };
    }
  }

  /** Handles connections that have ended without being released. */
  lost(ends: readonly LostConnection[]): void {
    const whys = new Map(ends.map(({ path, why }) => [endsKey(path), why]));
    for (const sa of this.#owner.sas) {
      const why = sa.path.tcp && sa.phase !== "closed" ? whys.get(endsKey(sa.path)) : undefined;
      if (why !== undefined) this.tell(sa, why);
    }
  }

  /** Tells an SA that its connection is lost. */
  tell(sa: IkeSa, why: string): void {
    if (!sa.connectionLost) {
      this.#owner.note(3, `The connection ${showPath(sa.path)} is lost: ${why}`, sa);
    }
    this.#owner.command(sa, { kind: "connection_lost" });
  }

  /** Keeps track of connections by the effects of an SA. */
  effect(effect: IkeEffect, sa: IkeSa): void {
    switch (effect.kind) {
      case "reconnect":
        return this.#reconnect(sa);
      case "established":
      case "childless":
      case "child_failed":
        return this.#use(sa, sa.path);
      case "replaced":
        return this.#use(effect.by, effect.by.path);
      case "moved":
        if (!samePath(effect.from, sa.path)) this.#leave(sa, effect.from);
        return this.#use(sa, sa.path);
      case "closed":
        return this.#leave(sa, sa.path);
    }
  }

  #use(sa: IkeSa, path: Path): void {
    const key = endsKey(path);
    const users = this.#users.get(key);
    if (users) users.add(sa);
    else this.#users.set(key, new Set([sa]));
    this.#connections.keep(path);
  }

  #leave(sa: IkeSa, path: Path): void {
    const key = endsKey(path);
    const users = this.#users.get(key);
    users?.delete(sa);
    if (users && users.size > 0) return;
    this.#users.delete(key);
    this.#connections.release(path);
  }

  /** Opens a connection again, once for all SAs of a tunnel, which are two during a rekey. */
  #reconnect(sa: IkeSa): void {
    if (!sa.connectionLost || sa.phase === "closed") return;
    const from = sa.path;
    const { path, why } = this.dial(from);
    if (why !== undefined) return this.tell(sa, why);
    this.#owner.note(4, `Another connection is begun: ${showPath(path)}`, sa);
    for (const other of [...this.#owner.sas]) {
      const isMeant = other === sa || other.connectionLost && samePath(other.path, from);
      if (isMeant) this.#owner.command(other, { kind: "reconnected", path });
    }
  }
}
