/**
 * The event streams of the Test API: each open SubscrEvent has a bounded queue of its own, read as
 * fast as its connection takes it, and a filter that UpdateEventFilter changes.
 * @module
 */
import { Metadata, type ServerWritableStream } from "@grpc/grpc-js";
import { connectionOf } from "@/api/caller.ts";
import { eventMessage } from "@/api/messages.ts";
import type { EventFilterRead } from "@/api/proto/api_read.ts";
import type { MyIKEv2Event } from "@/api/proto/api.ts";
import type { EventFilter, EventHub, EventSubscription } from "@/engine/show/event_hub.ts";

/** A stream that answers a call. */
type EventCall = ServerWritableStream<EventFilterRead, MyIKEv2Event>;

/** The open event streams of one server. */
export class EventStreams {
  readonly #hub: EventHub;
  #ended = false;
  readonly #open = new Map<EventSubscription, { readonly connection: string }>();

  constructor(hub: EventHub) {
    this.#hub = hub;
  }

  /** Sends events until the caller leaves or they end; resolves then. The caller ends the call. */
  async serve(call: EventCall, filter: EventFilter): Promise<void> {
    const subscription = this.#hub.subscribe(filter);
    if (this.#ended) subscription.close();
    this.#open.set(subscription, { connection: connectionOf(call) });
    const leave = () => subscription.close();
    call.on("cancelled", leave).on("close", leave).on("error", leave);
    // The caller learns from the headers that no later event will be missed.
    call.sendMetadata(new Metadata());
    sendAhead(call);
    for await (const event of subscription) {
      if (!call.write(eventMessage(event))) await drained(call);
      if (call.cancelled) break;
    }
    this.#open.delete(subscription);
  }

  /** Gives `filter` to the streams of a connection; says how many it has. */
  updateOwn(connection: string, filter: EventFilter): number {
    const own = [...this.#open].filter(([, stream]) => stream.connection === connection);
    for (const [subscription] of own) subscription.filter = filter;
    return own.length;
  }

  /** Gives `filter` to all open streams; says how many there are. */
  updateAll(filter: EventFilter): number {
    for (const subscription of this.#open.keys()) subscription.filter = filter;
    return this.#open.size;
  }

  /** No more events: each stream still sends what it has queued, and one that begins later is empty. */
  end(): void {
    this.#ended = true;
    for (const subscription of this.#open.keys()) subscription.close();
  }
}

/**
 * Lets the stream have many messages on their way: by itself the library writes the next one when the
 * system has taken the one before, which is one message for each turn of the event loop.
 */
function sendAhead(call: EventCall): void {
  const { call: transport } = call as unknown as { readonly call?: Partial<MessageSender> };
  if (typeof transport?.sendMessage !== "function") return;
  let onTheirWay = 0;
  let blocked: Parameters<EventCall["_write"]>[2] | undefined;
  call._write = (event: MyIKEv2Event, _encoding, done) => {
    onTheirWay++;
    const isFull = onTheirWay >= AHEAD_MAX;
    if (isFull) blocked = done;
    (transport as MessageSender).sendMessage(event, () => {
      onTheirWay--;
      const goOn = blocked;
      blocked = undefined;
      goOn?.();
    });
    if (!isFull) done();
  };
}

/** Messages of one stream that the library has and the system has not taken yet: some 10 ms of work. */
const AHEAD_MAX = 200;

/** What the library's stream hands its messages to. */
interface MessageSender {
  sendMessage(message: MyIKEv2Event, taken: () => void): void;
}

/** Until the connection takes more, or is gone. */
function drained(call: EventCall): Promise<void> {
  if (call.cancelled || call.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      for (const name of ENDINGS) call.off(name, done);
      resolve();
    };
    for (const name of ENDINGS) call.on(name, done);
  });
}

const ENDINGS = ["drain", "cancelled", "close", "error"] as const;
