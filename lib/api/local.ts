/**
 * The Test API without a network: calls to a run of this process go to the same handlers that serve
 * other processes, and their messages are encoded and decoded as on a connection.
 * @module
 */
import type { sendUnaryData, ServerUnaryCall, ServiceError } from "@grpc/grpc-js";
import { type CallOrigin, type SecretsRule, trustOwnProcess } from "@/api/caller.ts";
import {
  type EventFeed,
  serviceOf,
  type ShownEvent,
  type TestAnswer,
  type TestCall,
  type TestCalls,
  type TestConnection,
  type TestRequest,
  type WantedEvents,
} from "@/api/connection.ts";
import { ikeService } from "@/api/ike_api.ts";
import { summaryMessage } from "@/api/messages.ts";
import type { SummaryRespRead } from "@/api/proto/api_read.ts";
import { Refusal } from "@/api/refusal.ts";
import { testService } from "@/api/test_api.ts";
import type { CallOf } from "@/api/call_types.ts";
import { definitionOf, type Handlers, TEST_SERVICE } from "@/api/typed_service.ts";
import type { EventFilter } from "@/engine/show/event_hub.ts";
import type { RunView } from "@/engine/show/view.ts";

type Handler = (
  call: ServerUnaryCall<unknown, unknown>,
  callback: sendUnaryData<unknown>,
) => void;

/** The origin of calls that come from the terminal of the test. */
const LOCAL_ORIGIN: CallOrigin = { getPeer: () => "127.0.0.1:0", getAuthContext: () => ({}) };

/** A connection to a run of this process. */
export class LocalTest implements TestConnection {
  readonly place = "this process";
  readonly #view: RunView;
  readonly #handlers: Handlers<TestCalls>;

  /** `secrets` is the setup's `apisecrets`. */
  constructor(view: RunView, secrets: SecretsRule) {
    this.#view = view;
    this.#handlers = {
      ...testService(view, secrets, trustOwnProcess),
      ...ikeService(view, trustOwnProcess),
    };
  }

  call<M extends TestCall>(method: M, request: TestRequest<M> = {}): Promise<TestAnswer<M>> {
    const { requestSerialize, requestDeserialize, responseSerialize, responseDeserialize } =
      definitionOf(serviceOf(method), method);
    const call = { ...LOCAL_ORIGIN, request: requestDeserialize(requestSerialize(request)) };
    const handle = this.#handlers[method] as unknown as Handler;
    return new Promise((resolve, reject) => {
      handle(call as ServerUnaryCall<unknown, unknown>, (error, answer) => {
        const { code = 2, details = "" } = (error ?? {}) as Partial<ServiceError>;
        if (error) reject(new Refusal(code, details));
        else {resolve(
            responseDeserialize(responseSerialize(answer as CallOf<TestCalls, M>["answer"])),
          );}
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

  async finalSummary(): Promise<SummaryRespRead | undefined> {
    const { responseSerialize, responseDeserialize } = definitionOf(TEST_SERVICE, "GetSummary");
    const { summary } = await this.#view.finalResult;
    return responseDeserialize(responseSerialize(summaryMessage(summary)));
  }

  close(): void {
    // There is no connection to close.
  }

  #filter({ level, keyword }: WantedEvents): EventFilter {
    return { level: level || this.#view.setup.loglevel, keyword };
  }
}
