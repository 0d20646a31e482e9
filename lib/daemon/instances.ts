/**
 * All instances of a daemon: names, addresses and interfaces are given to one of them at a time.
 * @module
 */
import { status } from "@grpc/grpc-js";
import { isLoopback } from "@/api/caller.ts";
import { Refusal } from "@/api/calls.ts";
import {
  compareAddresses,
  type IpAddress,
  isUnspecified,
  parseAddress,
  showAddress,
} from "@/base/address.ts";
import { SystemError } from "@/base/errors.ts";
import { makeDirectory } from "@/files/directory.ts";
import type { Definition } from "@/daemon/definition.ts";
import { HostNetwork } from "@/daemon/host_network.ts";
import { Instance } from "@/daemon/instance.ts";
import { bridgeAddress, freeAddress } from "@/daemon/management_address.ts";
import {
  bridgedAddresses,
  carriesDefaultRoute,
  gatewaysOfHost,
  inspectInterface,
  interfaceTo,
  type LentInterface,
  linkNames,
  namespaceNames,
} from "@/daemon/network.ts";
import { bootId } from "@/daemon/process.ts";
import { type InstanceRecord, InstanceState, InstanceType } from "@/daemon/record.ts";
import { type Surroundings, Turn } from "@/daemon/surroundings.ts";

/** How often instances are looked at. */
const LOOK_MS = 1_000;
/** Instances of a host at most. */
const INSTANCES_MAX = 1_000;
/** Ping tasks told in one List, over all instances: the message stays well under 4 MiB. */
const PING_ROWS_MAX = 20_000;
/** Port of an instance's API where its setup leaves the choice to the system. */
const API_PORT = 12_330;
/** Management links on the host: this and a number. */
const LINK_PREFIX = "my2mgmt";

/** The instances of one daemon. */
export class Instances {
  readonly #instances = new Map<string, Instance>();
  readonly #around: Surroundings;
  readonly #network: HostNetwork;
  /** Definitions are accepted one at a time: what is free for one is not for the next. */
  readonly #accepting = new Turn();
  #timer: ReturnType<typeof setInterval> | undefined;
  #isLooking = false;

  constructor(around: Surroundings) {
    this.#around = around;
    this.#network = new HostNetwork(around.prefix, (record) => this.#othersPresent(record));
  }

  /** Takes over what an earlier daemon left, and begins to look after all instances. */
  async open(): Promise<void> {
    const records = this.#around.state.instances();
    for (const record of records) {
      this.#instances.set(record.name, new Instance(record, this.#around, this.#network));
    }
    for (const instance of [...this.#instances.values()]) {
      await this.#guarded(instance, () => instance.adopt());
      if (instance.record.state === InstanceState.DESTROYING) this.#forget(instance);
    }
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Looks no more; the instances go on. */
  close(): void {
    clearInterval(this.#timer);
  }

  /**
   * Makes an instance; resolves when it runs, or for one of ours when its process is started. Its
   * interface is not the one that leads to `caller`. @throws {Refusal}
   */
  async define(definition: Definition, caller?: IpAddress): Promise<void> {
    const { dataInterface } = definition;
    if (caller && dataInterface !== "" && await interfaceTo(caller) === dataInterface) {
      const words = `The interface ${dataInterface} leads to you: moved away, it would cut you off`;
      throw new Refusal(status.FAILED_PRECONDITION, words);
    }
    for (;;) {
      const accepted = await this.#accepting.take(() => this.#accept(definition));
      if (accepted !== "replace") return await accepted.begin(definition);
      await this.destroy(definition.name, true);
    }
  }

  /** As it stands now. @throws {Refusal} NOT_FOUND */
  async state(name: string): Promise<InstanceState> {
    const instance = this.#find(name);
    await this.#guarded(instance, () => instance.look());
    return instance.record.state;
  }

  /** All of them as they stand now, in the order of their definition. */
  async list(): Promise<readonly Instance[]> {
    const all = [...this.#instances.values()];
    const answering = all.filter((instance) => instance.isAnswering);
    const rows = Math.max(1, Math.floor(PING_ROWS_MAX / Math.max(1, answering.length)));
    await Promise.all(answering.map((i) => this.#guarded(i, () => i.report(rows))));
    return all;
  }

  /** Nothing is left of it; an unknown name is nothing already. @throws {Refusal} */
  async destroy(name: string, gracefully: boolean): Promise<void> {
    const instance = this.#instances.get(name);
    if (!instance) return;
    await instance.destroy(gracefully);
    this.#forget(instance);
  }

  /** @throws {Refusal} */
  async clearPing(name: string): Promise<void> {
    await this.#find(name).clearPing();
  }

  /**
   * Checks what is taken, and enters the instance into the books; nothing is done where there is one to
   * be replaced first. @throws {Refusal}
   */
  async #accept(definition: Definition): Promise<Instance | "replace"> {
    const { name, override, what, logDirectory } = definition;
    const existing = this.#instances.get(name);
    if (existing && !override) {
      throw new Refusal(status.ALREADY_EXISTS, `${name} exists already; Override replaces it`);
    }
    if (existing) {
      // What would be refused is refused before the old one is given up.
      await this.#addressFor(definition, existing);
      await this.#interfaceFor(definition, existing);
      return "replace";
    }
    if (this.#instances.size >= INSTANCES_MAX) {
      throw new Refusal(status.RESOURCE_EXHAUSTED, `There are ${INSTANCES_MAX} instances already`);
    }
    const lent = await this.#interfaceFor(definition);
    const names = await this.#freeNames(name);
    const address = await this.#addressFor(definition);
    // Last: what is refused leaves nothing, and the directory stays.
    makeLogDirectory(logDirectory);
    const record: InstanceRecord = {
      name,
      type: what.type,
      run: this.#around.state.beginRun(name, what.type, logDirectory),
      bootId: bootId(),
      logDirectory,
      ...names,
      address: showAddress(address),
      apiPort: what.type === InstanceType.OURS ? what.setup.apilistenport || API_PORT : 0,
      apiTls: what.type === InstanceType.OURS && what.setup.apitlscert !== "",
      lent,
      destroyCommands: what.type === InstanceType.OTHER ? what.destroyCommands : [],
      namespaceInode: 0,
      state: InstanceState.STARTING,
      hasSite: true,
      process: null,
      words: "",
      summary: null,
      ping: null,
    };
    this.#around.state.save(record);
    const instance = new Instance(record, this.#around, this.#network);
    this.#instances.set(name, instance);
    this.#around.tell(4, `${name}: defined, in ${record.namespace} at ${record.address}`);
    return instance;
  }

  /** The management address: the setup's own, or the next free one. @throws {Refusal} */
  async #addressFor({ what }: Definition, replaced?: Instance): Promise<IpAddress> {
    const { prefix } = this.#around;
    const used = [...this.#instances.values()].filter((i) => i.isPresent && i !== replaced)
      .map(({ record }) => parseAddress(record.address)!);
    // Behind the bridge there may be what another daemon, or a lost state, has left.
    const behind = (await bridgedAddresses())
      .filter((text) => text !== replaced?.record.address).map((text) => parseAddress(text)!);
    used.push(bridgeAddress(prefix), ...hostAddresses(), ...behind);
    const isUsed = (address: IpAddress) => used.some((other) => same(other, address));
    const wanted = what.type === InstanceType.OURS ? what.setup.apilistenaddr : undefined;
    if (wanted && !isUnspecified(wanted) && !isLoopback(`${showAddress(wanted)}:0`)) {
      const text = showAddress(wanted);
      if (isUsed(wanted)) {
        const words = `The address ${text} of apilistenaddr is in use`;
        throw new Refusal(status.ALREADY_EXISTS, words);
      }
      // The host would look for its next hop behind the management bridge.
      const gateways = (await gatewaysOfHost()).map(parseAddress);
      if (!gateways.some((gateway) => gateway && same(gateway, wanted))) return wanted;
      const words = `The address ${text} of apilistenaddr is a gateway of this host`;
      throw new Refusal(status.FAILED_PRECONDITION, words);
    }
    const free = freeAddress(prefix, isUsed);
    if (free) return free;
    throw new Refusal(status.RESOURCE_EXHAUSTED, "No address of --mgmtprefix is free");
  }

  /** The interface that is to be lent, as it is. @throws {Refusal} */
  async #interfaceFor(
    { dataInterface: name }: Definition,
    replaced?: Instance,
  ): Promise<LentInterface | null> {
    if (name === "" || replaced?.isPresent && replaced.record.lent?.name === name) return null;
    const refuse = (words: string) => new Refusal(status.FAILED_PRECONDITION, words);
    const holder = [...this.#instances.values()]
      .find(({ isPresent, record }) => isPresent && record.lent?.name === name);
    if (holder) throw refuse(`The interface ${name} is with ${holder.record.name}`);
    const found = await inspectInterface(name).catch((e) => {
      throw e instanceof SystemError ? refuse(e.message) : e;
    });
    if (!found) throw refuse(`This host has no interface ${name}`);
    if (carriesDefaultRoute(found)) {
      throw refuse(`The interface ${name} carries this host's default route: it stays here`);
    }
    return found;
  }

  /** A namespace and a link that nobody has. */
  async #freeNames(name: string): Promise<Pick<InstanceRecord, "namespace" | "link">> {
    const [links, namespaces] = await Promise.all([linkNames(), namespaceNames()]);
    for (const { record } of this.#instances.values()) links.add(record.link);
    let namespace = `myikev2-${name}`;
    for (let i = 2; namespaces.has(namespace); i++) namespace = `myikev2-${name}-${i}`;
    let number = 0;
    while (links.has(`${LINK_PREFIX}${number}`)) number++;
    return { namespace, link: `${LINK_PREFIX}${number}` };
  }

  #othersPresent(record: InstanceRecord): boolean {
    return [...this.#instances.values()].some((i) => i.isPresent && i.record !== record);
  }

  #find(name: string): Instance {
    const instance = this.#instances.get(name);
    if (instance) return instance;
    throw new Refusal(status.NOT_FOUND, `No instance is called ${name}`);
  }

  #forget(instance: Instance): void {
    if (this.#instances.get(instance.record.name) === instance) {
      this.#instances.delete(instance.record.name);
    }
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    const all = [...this.#instances.values()];
    await Promise.all(all.map((i) => this.#guarded(i, () => i.look())));
    this.#isLooking = false;
  }

  /** What goes wrong with one instance is no matter of the others. */
  async #guarded(instance: Instance, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (e) {
      const words = e instanceof Error ? e.message : String(e);
      this.#around.tell(2, `${instance.record.name}: ${words}`);
    }
  }
}

function same(a: IpAddress, b: IpAddress): boolean {
  return compareAddresses(a, b) === 0;
}

/** Addresses that this host has itself. */
function hostAddresses(): IpAddress[] {
  return Deno.networkInterfaces().map(({ address }) => parseAddress(address.replace(/%.*$/, "")))
    .filter((address) => address !== undefined);
}

/** @throws {Refusal} where it cannot be made, or others can write into it. */
function makeLogDirectory(path: string): void {
  try {
    makeDirectory(path, "service");
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    const words = `Cannot use LogDir ${path}: ${e.message}`;
    throw new Refusal(status.FAILED_PRECONDITION, words);
  }
}
