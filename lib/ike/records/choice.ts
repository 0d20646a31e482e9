/**
 * The choice among a peer's proposals (RFC 7296 §2.7).
 * @module
 */
import type { ChildConfig } from "@/ike/records/config.ts";
import type { Transform } from "@/wire/payloads/security_association.ts";

/** An accepted proposal: its number, its sender's SPI, and one transform for each type. */
export interface Choice {
  readonly number: number;
  readonly protocol: number;
  readonly spi: Uint8Array;
  readonly transforms: readonly Transform[];
}

/** A proposal of the peer that matches an entry of the configured CHILD_SAs. */
export interface ChildCandidate {
  readonly choice: Choice;
  readonly config: ChildConfig;
  readonly index: number;
}
