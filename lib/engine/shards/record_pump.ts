/**
 * Sends what a worker records for captures and key files to the main thread, which writes the files: what came
 * together in one message, and no more than a bounded number of datagrams that were not written yet.
 * @module
 */
import type { RecordedDatagram, RunHooks } from "@/engine/run/hooks.ts";
import { plainCopy } from "@/engine/shards/plain_copy.ts";
import type { ChildSaDump, IkeSaDump } from "@/engine/show/view.ts";

/** The most datagrams that were sent to the main thread and not written yet. */
const UNWRITTEN_MAX = 20_000;

/** The most records of any kind before keys are left out too, which are few and small. */
const KEYS_UNWRITTEN_MAX = 200_000;

/** A record of a worker. */
export type ShardRecord =
  | { readonly kind: "datagram"; readonly datagram: RecordedDatagram }
  | { readonly kind: "ike"; readonly sa: IkeSaDump }
  | { readonly kind: "child"; readonly child: ChildSaDump };

/** What the main thread records. */
export interface WantedRecords {
  readonly datagrams: boolean;
  readonly keys: boolean;
  /** Records of tunnels, which are sent at the end. */
  readonly tunnels: boolean;
}

/** See above. */
export class RecordPump {
  /** Number of datagrams that are in no capture, as too many waited to be written. */
  lost = 0;
  /** Number of SAs whose keys are in no file, for the same reason. */
  keysLost = 0;
  readonly hooks: RunHooks;
  readonly #tunnelOf: (tunnel: number) => number;
  readonly #send: (records: readonly ShardRecord[]) => void;
  #waiting: ShardRecord[] = [];
  #unwritten = 0;

  /** `tunnelOf`: the number of a tunnel in the whole test. */
  constructor(
    wanted: WantedRecords,
    tunnelOf: (tunnel: number) => number,
    send: (records: readonly ShardRecord[]) => void,
  ) {
    this.#tunnelOf = tunnelOf;
    this.#send = send;
    this.hooks = {
      ...(wanted.datagrams && { datagram: (datagram) => this.#addDatagram(datagram) }),
      ...(wanted.keys && {
        ikeKeyed: (sa) => this.#addKeys({ kind: "ike", sa }),
        childKeyed: (child) => this.#addKeys({ kind: "child", child }),
      }),
    };
  }

  /** Records that the main thread has written so many records. */
  written(records: number): void {
    this.#unwritten -= records;
  }

  /** Sends what waits. */
  flush(): void {
    if (this.#waiting.length > 0) this.#send(this.#waiting);
    this.#waiting = [];
  }

  #addDatagram(datagram: RecordedDatagram): void {
    if (this.#unwritten >= UNWRITTEN_MAX) return void this.lost++;
    const { tunnel } = datagram;
    const whole = {
      ...datagram,
      tunnel: tunnel === undefined ? undefined : this.#tunnelOf(tunnel),
    };
    this.#add({ kind: "datagram", datagram: whole });
  }

  #addKeys(record: ShardRecord): void {
    if (this.#unwritten >= KEYS_UNWRITTEN_MAX) this.keysLost++;
    else this.#add(record);
  }

  #add(record: ShardRecord): void {
    this.#unwritten++;
    if (this.#waiting.push(plainCopy(record)) === 1) setTimeout(() => this.flush(), 0);
  }
}

/** Gives records of a worker to the recorders of the main thread. */
export function writeRecords(records: readonly ShardRecord[], hooks: RunHooks): void {
  for (const record of records) {
    if (record.kind === "datagram") hooks.datagram?.(record.datagram);
    else if (record.kind === "ike") hooks.ikeKeyed?.(record.sa);
    else hooks.childKeyed?.(record.child);
  }
}
