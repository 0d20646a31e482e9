/**
 * The routes of a data path with a TUN device: they lead packets to the networks that the peers of its
 * CHILD_SAs protect into the device. Sockets that carry tunnels bypass them by the mark of their packets.
 * @module
 */
import type { IpPrefix } from "@/base/address.ts";
import type { DataPathListener, SaPair } from "@/datapath/data_path.ts";
import type { KernelJournal } from "@/datapath/kernel_journal.ts";
import { routesOut, TUNNEL_TABLE } from "@/datapath/kernel_plan.ts";
import type { Route } from "@/datapath/route_message.ts";
import { TunnelRoutes } from "@/datapath/tunnel_routes.ts";
import type { NetlinkSocket } from "@/native/netlink.ts";
import { TUNNEL_MARK } from "@/native/udp.ts";

/** The options of the routes. */
export interface HostRoutesOptions {
  readonly socket: NetlinkSocket;
  readonly listener: DataPathListener;
  /** Index of the interface that gets inner addresses. */
  readonly innerDevice: number;
  /** Index of the interface into which packets for tunnels are routed. */
  readonly tunnelDevice: number;
  readonly journal: KernelJournal;
}

/** The routes into the TUN device of a data path. */
export class HostRoutes {
  readonly #routes: TunnelRoutes;
  readonly #tunnelDevice: number;

  constructor({ tunnelDevice, ...options }: HostRoutesOptions) {
    this.#tunnelDevice = tunnelDevice;
    this.#routes = new TunnelRoutes({ ...options, exceptMark: TUNNEL_MARK });
  }

  /** See `DataPath.addInnerAddress`. */
  addAddress(prefix: IpPrefix): void {
    this.#routes.addAddress(prefix);
  }

  /** See `DataPath.removeInnerAddress`. */
  removeAddress(prefix: IpPrefix): void {
    this.#routes.removeAddress(prefix);
  }

  /** Routes the networks that the peer of a CHILD_SA protects into the tunnels' interface. */
  claim(pair: SaPair): void {
    this.#routes.claim(pair.spiIn, this.#routesOf(pair));
  }

  /** Removes the routes that only this CHILD_SA needed. */
  release(spiIn: number): void {
    this.#routes.release(spiIn);
  }

  /** Sends the requests that wait. */
  flush(): void {
    this.#routes.flush();
  }

  /** Removes everything. */
  close(): void {
    this.#routes.close();
  }

  #routesOf(pair: SaPair): Route[] {
    const by = { device: this.#tunnelDevice, gateway: undefined };
    if (pair.tunnelMode) return routesOut(pair, by, this.#routes.addressesFor(pair));
    // The route to the peer's own address too: packets of the sockets of tunnels are marked, and are routed
    // as before.
    const { peerAddress, ownAddress } = pair.path;
    const to = { address: peerAddress, bits: 8 * peerAddress.length };
    return [{ to, by, source: ownAddress, table: TUNNEL_TABLE }];
  }
}
