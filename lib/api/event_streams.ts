/**
 * The event streams of the Test API. Each open SubscrEvent call has a bounded queue of its own,
 * which is sent as fast as the connection accepts it, and a filter, which UpdateEventFilter
 * changes.
 * @module
 */
import { Metadata, type ServerWritableStream } from "@grpc/grpc-js";
import { connectionOf } from "@/api/caller.ts";
import { eventMessage } from "@/api/messages.ts";
import type { EventFilterRead } from "@/api/proto/api_read.ts";
import type { MyIKEv2Event } from "@/api/proto/api.ts";
import type { EventFilter, EventHub, EventSubscription } from "@/engine/show/event_hub.ts";

/** A SubscrEvent call. */
type EventCall = ServerWritableStream<EventFilterRead, MyIKEv2Event>;

/** The open event streams of one server. */
export class EventStreams {
  readonly #hub: EventHub;
  #ended = false;
  readonly #open = new Map<EventSubscription, { readonly connection: string }>();

  constructor(hub: EventHub) {
    this.#hub = hub;
  }

  /**
   * Sends events until the client leaves or there are no more, and resolves then. The function that
   * calls this one ends the stream.
   */
  async serve(call: EventCall, filter: EventFilter): Promise<void> {
    const subscription = this.#hub.subscribe(filter);
    if (this.#ended) subscription.close();
    this.#open.set(subscription, { connection: connectionOf(call) });
    const leave = () => subscription.close();
    call.on("cancelled", leave).on("close", leave).on("error", leave);
    // The headers tell the client that it will get every event from now on.
    call.sendMetadata(new Metadata());
    sendAhead(call);
    for await (const event of subscription) {
      if (!call.write(eventMessage(event))) await drained(call);
      if (call.cancelled) break;
    }
    this.#open.delete(subscription);
  }

  /** Sets the filter of the streams of one connection, and returns how many it has. */
  updateOwn(connection: string, filter: EventFilter): number {
    const own = [...this.#open].filter(([, stream]) => stream.connection === connection);
    for (const [subscription] of own) subscription.filter = filter;
    return own.length;
  }

  /** Sets the filter of all open streams, and returns how many there are. */
  updateAll(filter: EventFilter): number {
    for (const subscription of this.#open.keys()) subscription.filter = filter;
    return this.#open.size;
  }

  /**
   * Ends all streams: each still sends what is in its queue, and a stream that begins later gets no
   * event.
   */
  end(): void {
    this.#ended = true;
    for (const subscription of this.#open.keys()) subscription.close();
  }
}

/**
 * Lets the stream hand several messages to the library at once. By default the library takes the
 * next message only when the system has accepted the one before, which is one message in each turn
 * of the event loop.
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

/**
 * How many messages of one stream the library may hold that the system has not accepted yet: about
 * 10 ms of work.
 */
const AHEAD_MAX = 200;

/** The object in the library's stream that sends messages. */
interface MessageSender {
  sendMessage(message: MyIKEv2Event, taken: () => void): void;
}

/** Resolves when the connection accepts more messages, or is closed. */
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
