/**
 * Makes and removes the networks of the instances of a host. Changes are serialized, and the management
 * bridge is removed together with the last instance.
 * @module
 */
import { type IpPrefix, parseAddress } from "@/base/address.ts";
import { must } from "@/base/errors.ts";
import { bridgeAddress } from "@/daemon/management_address.ts";
import {
  endProcessesIn,
  type InstanceNetwork,
  makeBridge,
  makeInstanceNetwork,
  moveInterfaceBack,
  moveInterfaceIn,
  removeBridge,
  removeInstanceNetwork,
} from "@/daemon/network.ts";
import type { InstanceRecord } from "@/daemon/record.ts";
import { Mutex } from "@/daemon/daemon_context.ts";

/** Serializes all changes of the host's network by one daemon. */
export class HostNetwork {
  readonly #mutex = new Mutex();
  readonly #prefix: IpPrefix;
  readonly #othersPresent: (record: InstanceRecord) => boolean;

  /** `othersPresent` says whether any other instance still has a network. */
  constructor(prefix: IpPrefix, othersPresent: (record: InstanceRecord) => boolean) {
    this.#prefix = prefix;
    this.#othersPresent = othersPresent;
  }

  /** Makes bridge, namespace and management link, and moves the data interface in. @throws {SystemError} */
  make(record: InstanceRecord, dataAddress: string): Promise<void> {
    return this.#mutex.run(async () => {
      const bridge = bridgeAddress(this.#prefix);
      await makeBridge(bridge);
      await makeInstanceNetwork(networkOf(record), bridge);
      if (record.moved) await moveInterfaceIn(record.namespace, record.moved.name, dataAddress);
    });
  }

  /**
   * Ends the processes in the namespace, moves the data interface back, and removes what was made.
   * @throws {SystemError}
   */
  async remove(record: InstanceRecord): Promise<void> {
    await endProcessesIn(record.namespace);
    await this.#mutex.run(async () => {
      // The interface is moved back first: most kinds of interfaces are deleted together with their namespace.
      if (record.moved) await moveInterfaceBack(record.namespace, record.moved);
      await removeInstanceNetwork(networkOf(record));
      if (!this.#othersPresent(record)) await removeBridge();
    });
  }
}

function networkOf({ namespace, link, address }: InstanceRecord): InstanceNetwork {
  const octets = parseAddress(address);
  must(octets !== undefined, "a record holds an address");
  return { namespace, link, address: octets };
}
