/**
 * The networks of all instances on this host: one change at a time, and the bridge goes with the last.
 * @module
 */
import { type IpPrefix, parseAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { bridgeAddress } from "@/daemon/management_address.ts";
import {
  endProcessesIn,
  giveBack,
  lend,
  makeBridge,
  makeSite,
  removeBridge,
  removeSite,
  type Site,
} from "@/daemon/network.ts";
import type { InstanceRecord } from "@/daemon/record.ts";
import { Turn } from "@/daemon/surroundings.ts";

/** The networks of a daemon's instances. */
export class HostNetwork {
  readonly #turn = new Turn();
  readonly #prefix: IpPrefix;
  readonly #othersPresent: (record: InstanceRecord) => boolean;

  /** `othersPresent`: whether an instance beside this one has a network. */
  constructor(prefix: IpPrefix, othersPresent: (record: InstanceRecord) => boolean) {
    this.#prefix = prefix;
    this.#othersPresent = othersPresent;
  }

  /** Makes all that the record names. @throws {SystemError} */
  make(record: InstanceRecord, dataAddress: string): Promise<void> {
    return this.#turn.take(async () => {
      const bridge = bridgeAddress(this.#prefix);
      await makeBridge(bridge);
      await makeSite(siteOf(record), bridge);
      if (record.lent) await lend(record.namespace, record.lent.name, dataAddress);
    });
  }

  /** Ends what runs in it, gives back what was lent, removes the rest. @throws {SystemError} */
  async remove(record: InstanceRecord): Promise<void> {
    await endProcessesIn(record.namespace);
    await this.#turn.take(async () => {
      // First: a namespace that is removed takes most kinds of interfaces with it.
      if (record.lent) await giveBack(record.namespace, record.lent);
      await removeSite(siteOf(record));
      if (!this.#othersPresent(record)) await removeBridge();
    });
  }
}

function siteOf({ namespace, link, address }: InstanceRecord): Site {
  const octets = parseAddress(address);
  must(octets !== undefined, "a record holds an address");
  return { namespace, link, address: octets };
}
