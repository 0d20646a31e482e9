/**
 * What a run does about what its data path tells: each is a command to the core.
 * @module
 */
import type { Path } from "@/base/address.ts";
import { showSpi32 } from "@/base/bytes.ts";
import type { ChildPathOwner } from "@/engine/run/child_paths.ts";
import type { Floor } from "@/engine/run/run_context.ts";
import { isLive } from "@/engine/show/sa_view.ts";
import type { IkeEvent } from "@/ike/records/event.ts";
import type { ChildSa } from "@/ike/records/sa.ts";

/** See {@linkcode ChildPathOwner}. */
export class PathCommands implements ChildPathOwner {
  readonly #floor: Floor;

  constructor(floor: Floor) {
    this.#floor = floor;
  }

  installFailed(child: ChildSa, why: string): void {
    this.#command(child, { kind: "install_failed", child, why });
  }

  /** Somebody took its states away, so others are made. */
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
    this.#floor.events.publish(level, text);
  }

  #renew(child: ChildSa, why: string): void {
    const { loop, events } = this.#floor;
    if (loop.isStopped || child.state !== "established" || !isLive(child.parent)) return;
    events.publish(3, () => `CHILD_SA ${showSpi32(child.spiIn)} ${why}: it is rekeyed`);
    this.#command(child, { kind: "rekey_child", child });
  }

  #command({ parent }: ChildSa, event: IkeEvent): void {
    const { loop } = this.#floor;
    loop.turn(() => loop.command(parent, event));
  }
}
