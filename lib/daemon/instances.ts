/**
 * All instances of a daemon. Names, addresses and interfaces are assigned here, each to one
 * instance at a time.
 * @module
 */
import { status } from "@grpc/grpc-js";
import { isLoopback } from "@/api/caller.ts";
import { Refusal } from "@/api/refusal.ts";
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
  linkNames,
  type MovedInterface,
  namespaceNames,
} from "@/daemon/network.ts";
import { bootId, namespacesInUse } from "@/daemon/process.ts";
import { type InstanceRecord, InstanceState, InstanceType } from "@/daemon/record.ts";
import { type DaemonContext, Mutex } from "@/daemon/daemon_context.ts";

/** Interval at which the state of every instance is updated, in milliseconds. */
const LOOK_MS = 1_000;
/** Instances of a host at most. */
const INSTANCES_MAX = 1_000;
/** Ping tasks in one List answer, over all instances, which keeps the message well under 4 MiB. */
const PING_ROWS_MAX = 20_000;
/** Port of an instance's API where its setup leaves the choice to the system. */
const API_PORT = 12_330;
/** Port of an instance's live page, and another one for an instance whose API has the former. */
const WEB_PORT = 12_331;
const WEB_PORT_OTHERWISE = 12_332;
/** Management links on the host are named by this prefix and a number. */
const LINK_PREFIX = "my2mgmt";

/** The instances of one daemon. */
export class Instances {
  readonly #instances = new Map<string, Instance>();
  readonly #context: DaemonContext;
  readonly #network: HostNetwork;
  /** Serializes the assignment of names, addresses and interfaces to new instances. */
  readonly #accepting = new Mutex();
  #timer: ReturnType<typeof setInterval> | undefined;
  #isLooking = false;

  constructor(context: DaemonContext) {
    this.#context = context;
    this.#network = new HostNetwork(context.prefix, (record) => this.#othersPresent(record));
  }

  /** Takes over the instances of an earlier daemon, and begins to update the state of all. */
  async open(): Promise<void> {
    const records = this.#context.state.instances();
    for (const record of records) {
      this.#instances.set(record.name, new Instance(record, this.#context, this.#network));
    }
    for (const instance of [...this.#instances.values()]) {
      await this.#guarded(instance, () => instance.adopt());
      if (instance.record.state === InstanceState.DESTROYING) this.#forget(instance);
    }
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  /** Stops watching; the instances themselves go on. */
  close(): void {
    clearInterval(this.#timer);
  }

  /**
   * Makes an instance. Resolves when its commands have run (Type 2), or its process is started
   * (Type 1). An interface by which the host reaches `caller` is not moved. @throws {Refusal}
   */
  async define(definition: Definition, caller?: IpAddress): Promise<void> {
    const { dataInterface } = definition;
    if (caller && dataInterface !== "" && await interfaceTo(caller) === dataInterface) {
      const words =
        `The interface ${dataInterface} carries the route to you, the caller: moving it ` +
        "would cut your connection";
      throw new Refusal(status.FAILED_PRECONDITION, words);
    }
    for (;;) {
      const accepted = await this.#accepting.run(() => this.#accept(definition));
      if (accepted !== "replace") return await accepted.begin(definition);
      await this.destroy(definition.name, true);
    }
  }

  /** The instance of this name; undefined: there is none. */
  named(name: string): Instance | undefined {
    return this.#instances.get(name);
  }

  /** The current state of an instance. @throws {Refusal} NOT_FOUND */
  async state(name: string): Promise<InstanceState> {
    const instance = this.#find(name);
    await this.#guarded(instance, () => instance.look());
    return instance.record.state;
  }

  /** All instances with up-to-date summaries, in the order of their definition. */
  async list(): Promise<readonly Instance[]> {
    const all = [...this.#instances.values()];
    const answering = all.filter((instance) => instance.isAnswering);
    const rows = Math.max(1, Math.floor(PING_ROWS_MAX / Math.max(1, answering.length)));
    await Promise.all(answering.map((i) => this.#guarded(i, () => i.report(rows))));
    // An instance that has died since its last update, or while it was asked, must not be listed as
    // running.
    const dead = all.filter((instance) => instance.isPresent && !instance.isAnswering);
    await Promise.all(dead.map((i) => this.#guarded(i, () => i.look())));
    return all;
  }

  /**
   * Destroys an instance; an unknown name is no error, as nothing of it is left. @throws {Refusal}
   */
  async destroy(name: string, gracefully: boolean): Promise<void> {
    const instance = this.#instances.get(name);
    if (!instance) return;
    await instance.destroy(gracefully);
    this.#forget(instance);
  }

  /** Resets the ping counters of an instance. @throws {Refusal} */
  async clearPing(name: string): Promise<void> {
    await this.#find(name).clearPing();
  }

  /**
   * Assigns address, interface, namespace and link to a new instance, and saves its record. Returns
   * "replace" without doing anything if an instance of this name has to be destroyed first. @throws
   * {Refusal}
   */
  async #accept(definition: Definition): Promise<Instance | "replace"> {
    const { name, override, what, logDirectory } = definition;
    const existing = this.#instances.get(name);
    if (existing && !override && !existing.isReplaceable) {
      throw new Refusal(status.ALREADY_EXISTS, `${name} exists already; Override replaces it`);
    }
    if (existing) {
      // A definition that would be refused must not cost the existing instance.
      await this.#addressFor(definition, existing);
      await this.#interfaceFor(definition, existing);
      return "replace";
    }
    if (this.#instances.size >= INSTANCES_MAX) {
      throw new Refusal(status.RESOURCE_EXHAUSTED, `There are ${INSTANCES_MAX} instances already`);
    }
    const moved = await this.#interfaceFor(definition);
    const names = await this.#freeNames(name);
    const address = await this.#addressFor(definition);
    // The directory is made last: it stays, and a refused definition should leave nothing behind.
    makeLogDirectory(logDirectory);
    const isOurs = what.type === InstanceType.OURS;
    const apiPort = isOurs ? what.setup.apilistenport || API_PORT : 0;
    const webPort = apiPort === WEB_PORT ? WEB_PORT_OTHERWISE : WEB_PORT;
    const record: InstanceRecord = {
      name,
      type: what.type,
      run: this.#context.state.beginRun(name, what.type, logDirectory),
      bootId: bootId(),
      logDirectory,
      ...names,
      address: showAddress(address),
      apiPort,
      apiTls: isOurs && what.setup.apitlscert !== "",
      ...(isOurs && this.#context.showsInstances ? { webPort } : {}),
      moved,
      destroyCommands: what.type === InstanceType.OTHER ? what.destroyCommands : [],
      namespaceInode: 0,
      state: InstanceState.STARTING,
      hasNetwork: true,
      leftProcess: false,
      process: null,
      reason: "",
      summary: null,
      ping: null,
    };
    this.#context.state.save(record);
    const instance = new Instance(record, this.#context, this.#network);
    this.#instances.set(name, instance);
    this.#context.tell(4, `${name}: defined, in ${record.namespace} at ${record.address}`);
    return instance;
  }

  /**
   * The management address: `apilistenaddr` of the setup, else the lowest free one of the prefix.
   * @throws {Refusal}
   */
  async #addressFor({ what }: Definition, replaced?: Instance): Promise<IpAddress> {
    const { prefix } = this.#context;
    const used = [...this.#instances.values()].filter((i) => i.isPresent && i !== replaced)
      .map(({ record }) => parseAddress(record.address)!);
    // Another daemon, or one whose state was lost, may have left routes to addresses behind the
    // bridge.
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
      // A route to this address over the bridge would make the host's next hop unreachable.
      const gateways = (await gatewaysOfHost()).map(parseAddress);
      if (!gateways.some((gateway) => gateway && same(gateway, wanted))) return wanted;
      const words = `The address ${text} of apilistenaddr is a gateway of this host`;
      throw new Refusal(status.FAILED_PRECONDITION, words);
    }
    const free = freeAddress(prefix, isUsed);
    if (free) return free;
    throw new Refusal(status.RESOURCE_EXHAUSTED, "No address of --mgmtprefix is free");
  }

  /**
   * The present configuration of the interface that is to be moved, to restore it later. @throws
   * {Refusal}
   */
  async #interfaceFor(
    { dataInterface: name }: Definition,
    replaced?: Instance,
  ): Promise<MovedInterface | null> {
    if (name === "" || replaced?.isPresent && replaced.record.moved?.name === name) return null;
    const refuse = (words: string) => new Refusal(status.FAILED_PRECONDITION, words);
    const holder = [...this.#instances.values()]
      .find(({ isPresent, record }) => isPresent && record.moved?.name === name);
    if (holder) throw refuse(`The interface ${name} belongs to the instance ${holder.record.name}`);
    const found = await inspectInterface(name).catch((e) => {
      throw e instanceof SystemError ? refuse(e.message) : e;
    });
    if (!found) throw refuse(`This host has no interface ${name}`);
    if (carriesDefaultRoute(found)) {
      throw refuse(`The interface ${name} carries this host's default route and cannot be moved`);
    }
    return found;
  }

  /** Unused names for the namespace and the management link. */
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
    const others = all.filter(({ record }) =>
      record.type === InstanceType.OTHER && record.hasNetwork
    );
    if (others.length > 0) {
      const inUse = namespacesInUse();
      await Promise.all(others.map((i) => this.#guarded(i, () => i.lookAtOther(inUse))));
    }
    this.#isLooking = false;
  }

  /** Logs what goes wrong with one instance, so that the others are not affected. */
  async #guarded(instance: Instance, body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (e) {
      const words = e instanceof Error ? e.message : String(e);
      this.#context.tell(2, `${instance.record.name}: ${words}`);
    }
  }
}

function same(a: IpAddress, b: IpAddress): boolean {
  return compareAddresses(a, b) === 0;
}

/** All addresses of this host. */
function hostAddresses(): IpAddress[] {
  return Deno.networkInterfaces().map(({ address }) => parseAddress(address.replace(/%.*$/, "")))
    .filter((address) => address !== undefined);
}

/** Makes the log directory. @throws {Refusal} if that fails, or others can write into it. */
function makeLogDirectory(path: string): void {
  try {
    makeDirectory(path, "service");
  } catch (e) {
    if (!(e instanceof SystemError)) throw e;
    const words = `Cannot use LogDir ${path}: ${e.message}`;
    throw new Refusal(status.FAILED_PRECONDITION, words);
  }
}
