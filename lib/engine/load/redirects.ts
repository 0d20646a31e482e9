/**
 * Tunnels of a client that gateways redirect to other gateways (RFC 5685): the gateway that each dials next.
 * A domain name is looked up for each redirection. A tunnel that cannot be established at the new gateway, or
 * is lost there, is dialled at the configured gateway again.
 * @module
 */
import { type IpAddress, type Path, showAddress } from "@/base/address.ts";
import type { RunContext } from "@/engine/run/run_context.ts";
import { addressOfGateway } from "@/engine/run/redirect_of.ts";
import { type ClientPlan, pathOfTunnel } from "@/engine/run/plan.ts";
import { GatewayIdType } from "@/iana/gateway_id_type.ts";
import type { IkeEffect } from "@/ike/records/event.ts";
import type { IkeSa } from "@/ike/records/sa.ts";
import { CloseCode } from "@/ike/records/failure.ts";
import type { RedirectTrail } from "@/ike/records/redirect.ts";
import { showGateway } from "@/ike/negotiate/gateway_identity.ts";

type Redirected = Extract<IkeEffect, { kind: "redirected" }>;

/** The continuations after the address of a gateway was looked for. They are called in a turn of the loop. */
export interface Resolved {
  /** The tunnel may be dialled. */
  readonly found: (nowMs: number) => void;
  /** The gateway cannot be dialled; `sa.failure` says why. */
  readonly failed: (nowMs: number) => void;
}

/** A gateway that is dialled after a redirection, and the redirections that led to it. */
interface NextGateway {
  readonly address: IpAddress;
  readonly trail: RedirectTrail;
}

/** The redirections that are in progress. */
export class Redirects {
  readonly #context: RunContext;
  readonly #plan: ClientPlan;
  /** The redirection of each tunnel, from REDIRECT to the end of its IKE SA. */
  readonly #redirected = new Map<number, Redirected>();
  /** The next gateway of each tunnel, until it is dialled. */
  readonly #next = new Map<number, NextGateway>();
  /** Tunnels that were established when they were redirected, and are not established again. */
  readonly #wereUp = new Set<number>();
  /** The number of addresses that are being looked up. */
  pending = 0;

  constructor(context: RunContext, plan: ClientPlan) {
    this.#context = context;
    this.#plan = plan;
  }

  /** Records that a gateway redirects a tunnel. */
  redirected(effect: Redirected, { index, path }: IkeSa): void {
    this.#redirected.set(index, effect);
    this.#context.tally.redirections++;
    this.#context.events.publish(4, () => {
      const from = showAddress(path.peerAddress);
      return `Tunnel ${index} is redirected from ${from} to ${showGateway(effect.to)}`;
    });
  }

  /** Looks up the address of the gateway to which a tunnel was redirected, whose IKE SA is closed. */
  resolve(sa: IkeSa, wasUp: boolean, { found, failed }: Resolved): void {
    const { index } = sa;
    if (wasUp) this.#wereUp.add(index);
    const { to, trail } = this.#redirected.get(index)!;
    this.#redirected.delete(index);
    this.pending++;
    const own = sa.path.ownAddress;
    const settle = (then: (nowMs: number) => void) =>
      this.#context.loop.soon((nowMs) => {
        this.pending--;
        then(nowMs);
      });
    addressOfGateway(to, own).then((address) =>
      settle((nowMs) => {
        this.#next.set(index, { address, trail });
        if (to.idType === GatewayIdType.FQDN) {
          const text = () => `${showGateway(to)} is ${showAddress(address)}`;
          this.#context.events.publish(4, text);
        }
        found(nowMs);
      })
    ).catch((error: Error) =>
      settle((nowMs) => {
        const text = `Cannot follow the redirection from ${showAddress(sa.path.peerAddress)}: ` +
          error.message;
        sa.failure = { cause: "REDIRECT_UNUSABLE", closeCode: CloseCode.REFUSED_HERE, text };
        failed(nowMs);
      })
    );
  }

  /** Records that a tunnel is established. */
  established(index: number): void {
    this.#wereUp.delete(index);
  }

  /** Whether the tunnel was established when it was redirected, and is not established again. */
  wasUp(index: number): boolean {
    return this.#wereUp.has(index);
  }

  /** The path of the next dial, and the redirections that led there. */
  pathOf(index: number): { readonly path: Path; readonly trail?: RedirectTrail } {
    const path = pathOfTunnel(this.#plan, index);
    const next = this.takeNext(index);
    if (!next) return { path };
    return { path: { ...path, peerAddress: next.address }, trail: next.trail };
  }

  /** The gateway to which a tunnel was redirected, for the next dial alone; undefined: it was not. */
  takeNext(index: number): NextGateway | undefined {
    const next = this.#next.get(index);
    this.#next.delete(index);
    return next;
  }
}
