/**
 * The type of a call of a gRPC service: its messages in both directions, and whether the server
 * answers with one message or with a stream.
 * @module
 */

/**
 * The messages of a call, each in two forms: as the sender writes it, and as the receiver reads it,
 * where every field has a value.
 */
interface CallTypes<Q, QRead, A, ARead> {
  readonly request: Q;
  readonly requestRead: QRead;
  readonly answer: A;
  readonly answerRead: ARead;
}

/** A call with one answer. */
export interface UnaryCall<Q, QRead, A, ARead> extends CallTypes<Q, QRead, A, ARead> {
  readonly kind: "unary";
}

/** A call that is answered by any number of messages. */
export interface StreamCall<Q, QRead, A, ARead> extends CallTypes<Q, QRead, A, ARead> {
  readonly kind: "stream";
}

/** Any call. */
export type AnyCall = CallTypes<unknown, unknown, unknown, unknown> & {
  readonly kind: "unary" | "stream";
};

/** The names of the calls of `S` with one answer. */
export type UnaryName<S> = {
  [M in keyof S]: S[M] extends { readonly kind: "unary" } ? M : never;
}[keyof S];

/** The names of the calls of `S` that are answered by a stream. */
export type StreamName<S> = Exclude<keyof S, UnaryName<S>>;

/** The types of one call of a service. */
export type CallOf<S, M extends keyof S> = Extract<S[M], AnyCall>;
