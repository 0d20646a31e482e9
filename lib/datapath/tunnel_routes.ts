/**
 * Inner addresses, the routes into tunnels and the rule by which their routing table is used, for both data
 * paths into which the system routes. Only what was added is removed again.
 * @module
 */
import { compareAddresses, type IpAddress, type IpPrefix } from "@/base/address.ts";
import type { DataPathListener, SaPair, Selector } from "@/datapath/data_path.ts";
import type { KernelJournal } from "@/datapath/kernel_journal.ts";
import { routeContent, routeKey, TUNNEL_TABLE } from "@/datapath/kernel_plan.ts";
import { Owned } from "@/datapath/owned.ts";
import {
  addressMessage,
  deleteRoute,
  putRoute,
  type Route,
  type RoutingRule,
  ruleMessage,
} from "@/datapath/route_message.ts";
import { type NetlinkRefusal, type NetlinkSocket, showRefusal } from "@/native/netlink.ts";

/** Priority of the rule, which comes before that of the main table. */
const RULE_PRIORITY = 330;
/** Errno names that mean that what is to be removed has gone already. */
const GONE = ["ESRCH", "ENOENT", "EADDRNOTAVAIL", "ENODEV"];

/** Options of the routes. */
export interface TunnelRoutesOptions {
  readonly socket: NetlinkSocket;
  readonly listener: DataPathListener;
  /** Index of the interface that gets inner addresses. */
  readonly innerDevice: number;
  /** Where addresses are recorded before they are added; absent: nowhere. */
  readonly journal?: KernelJournal | undefined;
  /** Mark of packets that skip the routing table of tunnels; absent: no packets do. */
  readonly exceptMark?: number;
  /** Is called when a route that a CHILD_SA needs was refused; absent: the refusal is noted in the log. */
  readonly routeRefused?: (spiIn: number, why: string) => void;
}

/** A request that waits for {@linkcode TunnelRoutes.flush}. */
interface PendingRequest {
  readonly message: Uint8Array;
  /** Completes "the kernel refuses …". */
  readonly what: string;
  /** The inbound SPI of the CHILD_SA that needs it; undefined: a refusal is only reported. */
  readonly spiIn: number | undefined;
  /** Errno names after which nothing has to be done. */
  readonly fine: readonly string[];
}

/** Inner addresses, routes and rules of one data path. */
export class TunnelRoutes {
  readonly #options: TunnelRoutesOptions;
  readonly #routes = new Owned<Route>(routeKey, routeContent);
  readonly #addresses = new Map<string, { readonly prefix: IpPrefix; users: number }>();
  /** The address families that have the rule, by the octets of an address. */
  readonly #rules = new Set<4 | 16>();
  #orders: PendingRequest[] = [];

  constructor(options: TunnelRoutesOptions) {
    this.#options = options;
  }

  /** See `DataPath.addInnerAddress`. */
  addAddress(prefix: IpPrefix): void {
    const key = String(prefix.address);
    const known = this.#addresses.get(key);
    if (known) return void known.users++;
    const { journal, socket, innerDevice, listener } = this.#options;
    journal?.addAddress(prefix);
    const [refused] = socket.request([addressMessage("add", prefix, innerDevice)]);
    // An address that existed before belongs to another program, and stays.
    if (refused?.errno === "EEXIST") return;
    if (refused) return listener.note(2, `No inner address: ${showRefusal(refused)}`);
    this.#addresses.set(key, { prefix, users: 1 });
  }

  /** See `DataPath.removeInnerAddress`. */
  removeAddress(prefix: IpPrefix): void {
    const key = String(prefix.address);
    const known = this.#addresses.get(key);
    if (!known || --known.users > 0) return;
    this.#addresses.delete(key);
    this.#remove(addressMessage("delete", prefix, this.#options.innerDevice), "an address");
  }

  /**
   * The inner addresses within a CHILD_SA's own selectors, which are the sources of packets that it carries.
   */
  addressesFor({ ownSelectors }: SaPair): IpAddress[] {
    return [...this.#addresses.values()].map(({ prefix }) => prefix.address)
      .filter((address) => ownSelectors.some((selector) => holds(selector, address)));
  }

  /** Adds the routes that a CHILD_SA needs, unless another one has added the same. */
  claim(spiIn: number, routes: readonly Route[]): void {
    for (const route of routes) {
      if (!this.#routes.claim(spiIn, route)) continue;
      this.#ensureRule(route.to.address.length as 4 | 16);
      this.#order(putRoute(route), "a route", spiIn);
    }
  }

  /** Removes the routes that only this CHILD_SA needed, and restores those that they had replaced. */
  release(spiIn: number): void {
    const { removed, restored } = this.#routes.release(spiIn);
    for (const route of restored) this.#order(putRoute(route), "a route", undefined);
    for (const route of removed) this.#remove(deleteRoute(route), "a route");
  }

  /** Sends the requests that wait. */
  flush(): void {
    const orders = this.#orders.splice(0);
    if (orders.length === 0) return;
    const outcomes = this.#options.socket.request(orders.map(({ message }) => message));
    outcomes.forEach((refused, i) => refused && this.#refused(orders[i]!, refused));
  }

  /** Removes everything, and then sends the request `last`. */
  close(last?: { readonly message: Uint8Array; readonly what: string }): void {
    const { innerDevice } = this.#options;
    for (const { prefix } of this.#addresses.values()) {
      this.#remove(addressMessage("delete", prefix, innerDevice), "an address");
    }
    this.#addresses.clear();
    for (const route of this.#routes.all()) this.#remove(deleteRoute(route), "a route");
    for (const octets of this.#rules) {
      this.#remove(ruleMessage("delete", this.#rule(octets)), "a rule");
    }
    if (last) this.#remove(last.message, last.what);
    this.flush();
  }

  #ensureRule(octets: 4 | 16): void {
    if (this.#rules.has(octets)) return;
    this.#rules.add(octets);
    const message = ruleMessage("add", this.#rule(octets));
    const what = `the rule of table ${TUNNEL_TABLE}`;
    this.#orders.push({ message, what, spiIn: undefined, fine: ["EEXIST"] });
  }

  #rule(octets: 4 | 16): RoutingRule {
    const { exceptMark } = this.#options;
    return {
      octets,
      table: TUNNEL_TABLE,
      priority: RULE_PRIORITY,
      ...(exceptMark === undefined ? {} : { exceptMark }),
    };
  }

  #order(message: Uint8Array, what: string, spiIn: number | undefined): void {
    this.#orders.push({ message, what, spiIn, fine: [] });
  }

  #remove(message: Uint8Array, what: string): void {
    this.#orders.push({ message, what, spiIn: undefined, fine: GONE });
  }

  #refused({ what, spiIn, fine }: PendingRequest, refused: NetlinkRefusal): void {
    if (fine.includes(refused.errno)) return;
    const hint = refused.errno === "EPERM" ? ". It needs CAP_NET_ADMIN" : "";
    const why = `The kernel refuses ${what}: ${showRefusal(refused)}${hint}`;
    const { routeRefused, listener } = this.#options;
    if (spiIn === undefined || !routeRefused) return listener.note(2, why);
    routeRefused(spiIn, why);
  }
}

function holds({ first, last }: Selector, address: IpAddress): boolean {
  if (address.length !== first.length) return false;
  return compareAddresses(first, address) <= 0 && compareAddresses(address, last) <= 0;
}
