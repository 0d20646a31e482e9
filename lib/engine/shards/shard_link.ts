/**
 * The main thread's end of one worker: its messages, its answers, and its end.
 * @module
 */
import { SetupError, SystemError } from "@/base/errors.ts";
import type {
  FromShard,
  InitialContact,
  Question,
  ShardReady,
  ShardTask,
  ShardTunnels,
  ToShard,
} from "@/engine/shards/messages.ts";
import type { ShardRecord } from "@/engine/shards/record_pump.ts";
import type { EventLevel, RunEvent } from "@/engine/show/event_hub.ts";
import type { FinalResult, RunView } from "@/engine/show/view.ts";

/** The program of a worker, beside this file also among the files of the executable. */
const PROGRAM = new URL("./shard_worker.ts", import.meta.url);
/** How long a worker may take to close its sockets and files, in milliseconds. */
const CLOSE_MS = 5_000;

/** Is told what a worker says of itself. */
export interface ShardListener {
  events(events: readonly RunEvent[]): void;
  contact(contact: InitialContact): void;
  /** Its first tunnel is established. */
  first(): void;
  /** Its result is decided, and its data path is still open. */
  over(): void;
  /** Its tunnels are set up or given up. */
  created(): void;
  /** A tunnel has failed, which ends the test. */
  aborting(): void;
  records(records: readonly ShardRecord[]): void;
  final(final: FinalResult, tunnels: ShardTunnels): void;
  /** The worker has ended by an error and will say nothing more. */
  died(words: string): void;
}

/** The answer to a question. */
export type AnswerTo<Q extends Question> = Awaited<ReturnType<RunView[Q]>>;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** One worker. */
export class ShardLink {
  readonly #worker: Worker;
  readonly #listener: ShardListener;
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #ready: { resolve(ready: ShardReady): void; reject(error: Error): void } | undefined;
  #closed: (() => void) | undefined;
  #isDead = false;

  constructor(listener: ShardListener) {
    this.#listener = listener;
    this.#worker = new Worker(PROGRAM, { type: "module" });
    this.#worker.onmessage = ({ data }) => this.#take(data as FromShard);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(event.message);
    };
  }

  /** Whether the worker has ended by an error. */
  get isDead(): boolean {
    return this.#isDead;
  }

  /** Lets the worker make its part of a run. @throws {SetupError | SystemError} if it cannot. */
  make(task: ShardTask, level: EventLevel | 0): Promise<ShardReady> {
    return new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
      this.tell({ kind: "make", task, level });
    });
  }

  /** Sends a message, which a worker that has ended does not get. */
  tell(message: ToShard): void {
    if (!this.#isDead) this.#worker.postMessage(message);
  }

  /** Asks the worker. @throws {Error} if it has ended. */
  ask<Q extends Question>(name: Q, ...args: Parameters<RunView[Q]>): Promise<AnswerTo<Q>> {
    if (this.#isDead) return Promise.reject(new Error("the worker has ended"));
    return new Promise((resolve, reject) => {
      const id = this.#asked++;
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.tell({ kind: "ask", id, name, args });
    });
  }

  /** Ends the worker, after it has closed what it has open. */
  async close(): Promise<void> {
    if (!this.#isDead) {
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((resolve) => {
        this.#closed = resolve;
        timer = setTimeout(resolve, CLOSE_MS);
        this.tell({ kind: "close" });
      });
      clearTimeout(timer);
    }
    this.#isDead = true;
    this.#worker.terminate();
    this.#forgetWaiting();
  }

  #take(message: FromShard): void {
    switch (message.kind) {
      case "ready":
        return this.#ready?.resolve(message.ready);
      case "refused": {
        const { words, isSetup } = message;
        return this.#ready?.reject(
          isSetup ? new SetupError(words) : new SystemError(words, "", ""),
        );
      }
      case "events":
        this.#listener.events(message.events);
        return this.tell({ kind: "read" });
      case "records":
        this.#listener.records(message.records);
        return this.tell({ kind: "written", records: message.records.length });
      case "answer":
        this.#waiting.get(message.id)?.resolve(message.value);
        return void this.#waiting.delete(message.id);
      case "unanswered":
        this.#waiting.get(message.id)?.reject(new Error(message.words));
        return void this.#waiting.delete(message.id);
      case "contact":
        return this.#listener.contact(message.contact);
      case "first":
        return this.#listener.first();
      case "created":
        return this.#listener.created();
      case "aborting":
        return this.#listener.aborting();
      case "over":
        return this.#listener.over();
      case "final":
        return this.#listener.final(message.final, message.tunnels);
      case "closed":
        return this.#closed?.();
    }
  }

  #die(words: string): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#worker.terminate();
    this.#ready?.reject(new Error(words));
    this.#closed?.();
    this.#forgetWaiting();
    this.#listener.died(words);
  }

  #forgetWaiting(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error("the worker has ended"));
    this.#waiting.clear();
  }
}
