/**
 * The inside of PEAPv0 at the server (MS-PEAP), without cryptobinding, which is optional.
 * @module
 */
import { concat } from "@/base/bytes.ts";
import type { EapAnswer, OwnEapServer } from "@/eap/conversation.ts";
import { EapRefusal, refuse } from "@/eap/failure.ts";
import type { ServerContext } from "@/eap/method.ts";
import type { InnerServer, InnerServerStep } from "@/eap/tls/inner.ts";
import { innerServer } from "@/eap/tls/inner_eap.ts";
import { decodeExtensions, encodeExtensions, isExtensions } from "@/eap/tls/peap_tlv.ts";
import { EapCode } from "@/iana/eap_type.ts";

const HEADER_OCTETS = 4;

interface State {
  readonly server: OwnEapServer;
  /** The result of the inner method, while that of the peer is awaited. */
  ended:
    | { readonly kind: "succeeded"; readonly identity: string }
    | { readonly kind: "failed"; readonly refusal: EapRefusal }
    | undefined;
  readonly notes: string[];
}

/** The inside, by the inner methods that the settings allow. */
export function peapInnerServer(
  context: ServerContext,
): InnerServer {
  const state: State = { server: innerServer(context), ended: undefined, notes: [] };
  return {
    begin: (_, next) => {
      state.server.requestAs(next);
      return bare(state.server.start(undefined));
    },
    take: (plaintext, outer) => take(state, plaintext, outer),
    notes: () => state.notes,
    close: () => state.server.close(),
  };
}

function take(
  state: State,
  plaintext: Uint8Array,
  { identifier, next }: { readonly identifier: number; readonly next: number },
): InnerServerStep {
  if (plaintext.length === 0) refuse("out of order", "the peer says nothing inside the tunnel");
  if (state.ended) return result(state, plaintext);
  const length = HEADER_OCTETS + plaintext.length;
  const header = Uint8Array.of(EapCode.RESPONSE, identifier, length >>> 8, length);
  state.server.requestAs(next);
  const answer = state.server.step(concat(header, plaintext));
  switch (answer.kind) {
    case "send":
      return { then: "more", out: bare(answer) };
    case "succeeded": {
      const { identity, methodName } = answer.outcome;
      state.notes.push(`inside, ${methodName}`);
      state.ended = { kind: "succeeded", identity };
      return { then: "more", out: encodeExtensions(EapCode.REQUEST, next, { success: true }) };
    }
    case "failed": {
      const refusal = new EapRefusal("wrong credentials", `inside, ${answer.why}`);
      state.ended = { kind: "failed", refusal };
      return { then: "more", out: encodeExtensions(EapCode.REQUEST, next, { success: false }) };
    }
    case "discarded":
      return refuse("out of order", `inside, ${answer.why}`);
  }
}

function result({ ended }: State, plaintext: Uint8Array): InnerServerStep {
  if (ended!.kind === "failed") throw ended!.refusal;
  if (!isExtensions(plaintext, EapCode.RESPONSE)) {
    refuse("out of order", "the peer does not answer the result inside the tunnel");
  }
  if (decodeExtensions(plaintext).success !== true) {
    refuse("refused by the other end", "inside, the peer says failure");
  }
  return { then: "done", identity: ended!.identity };
}

/** A request without its header, which the peer adds. */
function bare(answer: EapAnswer): Uint8Array {
  if (answer.kind === "send") return answer.octets.subarray(HEADER_OCTETS);
  return refuse(
    "out of order",
    answer.kind === "failed" ? `inside, ${answer.why}` : "inside, no request",
  );
}
