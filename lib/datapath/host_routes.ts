/**
 * Inner addresses, routes into tunnels and the rule that makes their table count, for a data path with
 * an interface of its own. What was put in is taken out, and nothing else.
 * @module
 */
import { compareAddresses, type IpAddress, type IpPrefix } from "@/base/address.ts";
import type { DataPathListener, SaPair, Selector } from "@/datapath/data_path.ts";
import type { KernelJournal } from "@/datapath/kernel_journal.ts";
import { routeKey, routeSign, routesOut, TUNNEL_TABLE } from "@/datapath/kernel_plan.ts";
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
import { TUNNEL_MARK } from "@/native/udp.ts";

/** Where the rule stands: before the main table's. */
const RULE_PRIORITY = 330;
/** Errno names by which something that is to go was gone already. */
const GONE = ["ESRCH", "ENOENT", "EADDRNOTAVAIL", "ENODEV"];

/** What the routes are made of. */
export interface HostRoutesOptions {
  readonly socket: NetlinkSocket;
  readonly listener: DataPathListener;
  /** Interface that gets inner addresses. */
  readonly innerDevice: number;
  /** Interface that packets for tunnels are routed to. */
  readonly tunnelDevice: number;
  readonly journal: KernelJournal;
}

interface Order {
  readonly message: Uint8Array;
  readonly what: string;
  readonly fine: readonly string[];
}

/** See the module. */
export class HostRoutes {
  readonly #options: HostRoutesOptions;
  readonly #routes = new Owned<Route>(routeKey, routeSign);
  readonly #addresses = new Map<string, { readonly prefix: IpPrefix; users: number }>();
  readonly #rules = new Set<number>();
  #orders: Order[] = [];

  constructor(options: HostRoutesOptions) {
    this.#options = options;
  }

  /** See `DataPath.addInnerAddress`. */
  addAddress(prefix: IpPrefix): void {
    const key = String(prefix.address), known = this.#addresses.get(key);
    if (known) return void known.users++;
    const { journal, socket, innerDevice, listener } = this.#options;
    journal.addAddress(prefix);
    const [refused] = socket.request([addressMessage("add", prefix, innerDevice)]);
    // Somebody else's address stays when we go.
    if (refused?.errno === "EEXIST") return;
    if (refused) return listener.note(2, `No inner address: ${showRefusal(refused)}`);
    this.#addresses.set(key, { prefix, users: 1 });
  }

  /** See `DataPath.removeInnerAddress`. */
  removeAddress(prefix: IpPrefix): void {
    const key = String(prefix.address), known = this.#addresses.get(key);
    if (!known || --known.users > 0) return;
    this.#addresses.delete(key);
    this.#remove(addressMessage("delete", prefix, this.#options.innerDevice), "an address");
  }

  /** What a CHILD_SA's peer protects is routed into the tunnels' interface. */
  claim(pair: SaPair): void {
    for (const route of this.#routesOf(pair)) {
      if (!this.#routes.claim(pair.spiIn, route)) continue;
      this.#ensureRule(route.to.address.length as 4 | 16);
      this.#orders.push({ message: putRoute(route), what: "a route", fine: [] });
    }
  }

  /** The routes that this CHILD_SA alone wanted go. */
  letGo(spiIn: number): void {
    const { removed, restored } = this.#routes.letGo(spiIn);
    for (const route of restored) {
      this.#orders.push({ message: putRoute(route), what: "a route", fine: [] });
    }
    for (const route of removed) this.#remove(deleteRoute(route), "a route");
  }

  /** Performs what waits. */
  flush(): void {
    const orders = this.#orders.splice(0);
    if (orders.length === 0) return;
    const outcomes = this.#options.socket.request(orders.map(({ message }) => message));
    outcomes.forEach((refused, i) => refused && this.#refused(orders[i]!, refused));
  }

  /** Takes out everything. */
  close(): void {
    for (const { prefix } of this.#addresses.values()) {
      this.#remove(addressMessage("delete", prefix, this.#options.innerDevice), "an address");
    }
    this.#addresses.clear();
    for (const route of this.#routes.all()) this.#remove(deleteRoute(route), "a route");
    for (const octets of this.#rules) {
      this.#remove(ruleMessage("delete", ruleFor(octets)), "a rule");
    }
    this.flush();
  }

  #routesOf(pair: SaPair): Route[] {
    const by = { device: this.#options.tunnelDevice, gateway: undefined };
    if (pair.tunnelMode) {
      const inner = [...this.#addresses.values()].map(({ prefix }) => prefix.address)
        .filter((address) => pair.ownSelectors.some((selector) => holds(selector, address)));
      return routesOut(pair, by, inner);
    }
    // The peer itself: what the SA's sockets send to it is marked, and goes its way.
    const { peerAddress, ownAddress } = pair.path;
    const to = { address: peerAddress, bits: 8 * peerAddress.length };
    return [{ to, by, source: ownAddress, table: TUNNEL_TABLE }];
  }

  #ensureRule(octets: 4 | 16): void {
    if (this.#rules.has(octets)) return;
    this.#rules.add(octets);
    const message = ruleMessage("add", ruleFor(octets)), what = `the rule of table ${TUNNEL_TABLE}`;
    this.#orders.push({ message, what, fine: ["EEXIST"] });
  }

  #remove(message: Uint8Array, what: string): void {
    this.#orders.push({ message, what, fine: GONE });
  }

  #refused({ what, fine }: Order, refused: NetlinkRefusal): void {
    if (fine.includes(refused.errno)) return;
    this.#options.listener.note(2, `The kernel refuses ${what}: ${showRefusal(refused)}`);
  }
}

function ruleFor(octets: number): RoutingRule {
  return {
    octets: octets as 4 | 16,
    table: TUNNEL_TABLE,
    priority: RULE_PRIORITY,
    exceptMark: TUNNEL_MARK,
  };
}

function holds({ first, last }: Selector, address: IpAddress): boolean {
  if (address.length !== first.length) return false;
  return compareAddresses(first, address) <= 0 && compareAddresses(address, last) <= 0;
}
