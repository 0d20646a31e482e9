/**
 * Between IKE SAs and the TCP connections they are in (RFC 9329 §6.1): who uses which, what happens when
 * one is lost, and when one may go.
 * @module
 */
import { endsKey, type Path, samePath, showPath } from "@/base/address.ts";
import { SetupError, SystemError } from "@/base/errors.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import type { IkeEffect, IkeEvent } from "@/ike/records/event.ts";
import type { Connections, LostConnection } from "@/transport/transport.ts";

/** What the keeper may ask for. */
export interface KeeperOwner {
  readonly sas: Iterable<IkeSa>;
  command(sa: IkeSa, event: IkeEvent): void;
  note(level: 3 | 4, text: string, sa: IkeSa | undefined): void;
}

/** See the file. */
export class ConnectionKeeper {
  readonly #connections: Connections;
  readonly #owner: KeeperOwner;
  /** Authenticated SAs by the ends of their connection: two while a rekey is under way. */
  readonly #users = new Map<string, Set<IkeSa>>();

  constructor(connections: Connections, owner: KeeperOwner) {
    this.#connections = connections;
    this.#owner = owner;
  }

  /** A connection for a tunnel that is about to be dialled; what cannot even be begun is lost at once. */
  dial(path: Path): { readonly path: Path; readonly why?: string } {
    try {
      return { path: this.#connections.open(path) };
    } catch (e) {
      if (!(e instanceof SetupError || e instanceof SystemError)) throw e;
      return { path, why: e.message };
    }
  }

  /** Connections have ended that nobody let go. */
  lost(ends: readonly LostConnection[]): void {
    const whys = new Map(ends.map(({ path, why }) => [endsKey(path), why]));
    for (const sa of this.#owner.sas) {
      const why = sa.path.tcp && sa.phase !== "closed" ? whys.get(endsKey(sa.path)) : undefined;
      if (why !== undefined) this.tell(sa, why);
    }
  }

  /** An SA has no connection. */
  tell(sa: IkeSa, why: string): void {
    if (!sa.connectionLost) {
      this.#owner.note(3, `The connection ${showPath(sa.path)} is lost: ${why}`, sa);
    }
    this.#owner.command(sa, { kind: "connection_lost" });
  }

  /** Keeps the books by what an SA wishes. */
  effect(effect: IkeEffect, sa: IkeSa): void {
    switch (effect.kind) {
      case "reconnect":
        return this.#reconnect(sa);
      case "established":
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
    const key = endsKey(path), users = this.#users.get(key);
    if (users) users.add(sa);
    else this.#users.set(key, new Set([sa]));
    this.#connections.keep(path);
  }

  #leave(sa: IkeSa, path: Path): void {
    const key = endsKey(path), users = this.#users.get(key);
    users?.delete(sa);
    if (users && users.size > 0) return;
    this.#users.delete(key);
    this.#connections.release(path);
  }

  /** SAs of one tunnel have one connection, while a rekey leaves two of them. */
  #reconnect(sa: IkeSa): void {
    if (!sa.connectionLost || sa.phase === "closed") return;
    const from = sa.path, { path, why } = this.dial(from);
    if (why !== undefined) return this.tell(sa, why);
    this.#owner.note(4, `Another connection is begun: ${showPath(path)}`, sa);
    for (const other of [...this.#owner.sas]) {
      const isMeant = other === sa || other.connectionLost && samePath(other.path, from);
      if (isMeant) this.#owner.command(other, { kind: "reconnected", path });
    }
  }
}
