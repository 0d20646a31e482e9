/**
 * Turns reports of the data path into commands to the core.
 * @module
 */
import type { Path } from "@/base/address.ts";
import { showSpi32 } from "@/base/bytes.ts";
import type { ChildPathOwner } from "@/engine/run/child_paths.ts";
import type { RunContext } from "@/engine/run/run_context.ts";
import { isLive } from "@/engine/show/sa_view.ts";
import type { IkeEvent } from "@/ike/records/event.ts";
import type { ChildSa } from "@/ike/records/sa.ts";

/** Implements {@linkcode ChildPathOwner}. */
export class PathCommands implements ChildPathOwner {
  readonly #context: RunContext;

  constructor(context: RunContext) {
    this.#context = context;
  }

  installFailed(child: ChildSa, why: string): void {
    this.#command(child, { kind: "install_failed", child, why });
  }

  /** Its states were removed by somebody else, so that it is replaced by a new CHILD_SA. */
  wanted(child: ChildSa): void {
    this.#renew(child, "is not in the data path, and traffic wants it");
  }

  spent(child: ChildSa, hard: boolean): void {
    if (!hard) return this.#renew(child, "comes to the end of its packets or octets");
    this.#command(child, { kind: "child_spent", child });
  }

  peerMoved(child: ChildSa, path: Path): void {
    this.#command(child, { kind: "esp_moved", path });
  }

  note(level: 1 | 2 | 3 | 4, text: string): void {
    this.#context.events.publish(level, text);
  }

  #renew(child: ChildSa, why: string): void {
    const { loop, events } = this.#context;
    if (loop.isStopped || child.state !== "established" || !isLive(child.parent)) return;
    events.publish(3, () => `CHILD_SA ${showSpi32(child.spiIn)} ${why}: it is rekeyed`);
    this.#command(child, { kind: "rekey_child", child });
  }

  #command({ parent }: ChildSa, event: IkeEvent): void {
    const { loop } = this.#context;
    loop.turn(() => loop.command(parent, event));
  }
}
