/**
 * The reason why a tunnel of a client has failed or was lost.
 * @module
 */
import { nameOfCloseCode } from "@/engine/run/close_code.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode, type Failure } from "@/ike/records/failure.ts";

/** The failure of an IKE SA or, if the peer has just closed it, a description of that. */
export function failureOf(sa: IkeSa, when: string): Failure {
  if (sa.failure) return sa.failure;
  const cause = nameOfCloseCode(sa.closeCode);
  const text = sa.closeCode === CloseCode.DELETED_BY_PEER
    ? `The peer deleted its IKE SA ${when}`
    : `Its IKE SA was closed ${when} (${cause})`;
  return { cause, closeCode: sa.closeCode, text };
}
