/**
 * The Test API without a network: a run of this process asked by the handlers that serve it to
 * others, its messages encoded and decoded as on the way.
 * @module
 */
import type {
  sendUnaryData,
  ServerUnaryCall,
  ServiceError,
  UntypedServiceImplementation,
} from "@grpc/grpc-js";
import { type CallOrigin, judgeOneself, type SecretsRule } from "@/api/caller.ts";
import {
  CallFailed,
  type EventFeed,
  methodOf,
  type ShownEvent,
  type TestCall,
  type TestConnection,
  type WantedEvents,
} from "@/api/connection.ts";
import { ikeService } from "@/api/ike_api.ts";
import { type Message, summaryMessage } from "@/api/messages.ts";
import { testService } from "@/api/test_api.ts";
import type { EventFilter } from "@/engine/show/event_hub.ts";
import type { RunView } from "@/engine/show/view.ts";

type Handler = (
  call: ServerUnaryCall<Message, Message>,
  callback: sendUnaryData<Message>,
) => void;

/** Whoever sits at the terminal of the test. */
const HERE: CallOrigin = { getPeer: () => "127.0.0.1:0", getAuthContext: () => ({}) };

/** A run of this process. */
export class LocalTest implements TestConnection {
  readonly place = "this process";
  readonly #view: RunView;
  readonly #handlers: UntypedServiceImplementation;

  /** `secrets` is the setup's `apisecrets`. */
  constructor(view: RunView, secrets: SecretsRule) {
    this.#view = view;
    this.#handlers = {
      ...testService(view, secrets, judgeOneself),
      ...ikeService(view, judgeOneself),
    };
  }

  call(method: TestCall, request: Message = {}): Promise<Message> {
    const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
      methodOf(method);
    const call = { ...HERE, request: requestDeserialize(requestSerialize(request)) };
    const handle = this.#handlers[method] as unknown as Handler;
    return new Promise((resolve, reject) => {
      handle(call as ServerUnaryCall<Message, Message>, (error, answer) => {
        const { code = 2, details = "" } = (error ?? {}) as Partial<ServiceError>;
        if (error) reject(new CallFailed(code, details));
        else resolve(responseDeserialize(responseSerialize(answer ?? {})));
      });
    });
  }

  events(wanted: WantedEvents, each: (event: ShownEvent) => void): EventFeed {
    const subscription = this.#view.events.subscribe(this.#filter(wanted));
    const read = async () => {
      for await (const event of subscription) each(event);
    };
    return {
      ended: read(),
      change: (other) => {
        subscription.filter = this.#filter(other);
        return Promise.resolve();
      },
      close: () => subscription.close(),
    };
  }

  async final(): Promise<Message | undefined> {
    const { responseSerialize, responseDeserialize } = methodOf("GetSummary");
    const { summary } = await this.#view.finalResult;
    return responseDeserialize(responseSerialize(summaryMessage(summary)));
  }

  close(): void {
    // There is nothing between us.
  }

  #filter({ level, keyword }: WantedEvents): EventFilter {
    return { level: level || this.#view.setup.loglevel, keyword };
  }
}
