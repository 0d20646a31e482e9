/**
 * Runs a recipe: its commands by SSH and its instances on their daemons, in order; waits until all
 * myikev2 tests have ended, and undoes everything.
 * @module
 */
import { status } from "@grpc/grpc-js";
import { Refusal } from "@/api/refusal.ts";
import { type IpAddress, showAddress } from "@/base/address.ts";
import { SetupError } from "@/base/errors.ts";
import { describeError, isUnreachable } from "@/control/daemon_client.ts";
import type { Daemons } from "@/control/daemons.ts";
import { defineRequest, ManagementAddresses, type PreparedInstance } from "@/control/definition.ts";
import { EndWatch } from "@/control/end_watch.ts";
import {
  type CommandOutcome,
  failureOfCommands,
  type InstanceOutcome,
  isGood,
  type RecipeOutcome,
} from "@/control/outcome.ts";
import { pause } from "@/control/pause.ts";
import type { HostCommands, Recipe } from "@/control/recipe.ts";
import { runRemote } from "@/control/remote_commands.ts";

/** Options of a run. */
export interface RunOptions {
  /** Whether instances of the same name are replaced; otherwise such an instance is an error. */
  readonly override: boolean;
  /** Longest time of the commands of one host, in milliseconds. */
  readonly commandTimeoutMs: number;
  /** Milliseconds after which everything is ended; 0: never. */
  readonly timeoutMs: number;
  /** Reports progress at a log level: 2 error, 3 warning, 4 info. */
  readonly tell: (level: 2 | 3 | 4, text: string) => void;
}

/** How many used addresses are met before the definition of an instance is given up. */
const ADDRESS_TRIES_MAX = 100;

/** One run of a recipe. */
export class RecipeRun {
  readonly recipe: Recipe;
  /** The outcome of each instance, in the order of the recipe. */
  readonly instances: readonly InstanceOutcome[];
  readonly #file: string;
  readonly #daemons: Daemons;
  readonly #options: RunOptions;
  readonly #commands: CommandOutcome[] = [];
  readonly #errors: string[] = [];
  readonly #begun = Date.now();
  readonly #cancel = new AbortController();
  readonly #addresses = new ManagementAddresses();
  readonly #watch: EndWatch;
  /** Instances that may exist because this run has defined them. */
  readonly #defined = new Set<InstanceOutcome>();
  #gracefully = true;

  constructor(
    { recipe, file, prepared }: {
      readonly recipe: Recipe;
      readonly file: string;
      readonly prepared: readonly PreparedInstance[];
    },
    daemons: Daemons,
    options: RunOptions,
  ) {
    this.recipe = recipe;
    this.instances = prepared.map((instance) => ({
      instance,
      result: "not started",
      reason: "",
      summary: undefined,
      ping: undefined,
      durationSec: undefined,
    }));
    this.#file = file;
    this.#daemons = daemons;
    this.#options = options;
    this.#watch = new EndWatch(daemons, options, this.#cancel.signal);
  }

  /**
   * Ends the run early: tests are stopped, then everything is undone. `again`: tests end without
   * telling peers.
   */
  cancel(again: boolean): void {
    if (again) this.#gracefully = false;
    else this.#errors.push("ended early by a signal");
    this.#cancel.abort();
  }

  /**
   * Runs the setup commands and defines every instance; returns false if an error prevented that.
   */
  async start(): Promise<boolean> {
    for (const commands of this.recipe.setupCommands) {
      if (this.#cancel.signal.aborted || !await this.#runCommands("setup", commands)) return false;
    }
    if (!await this.#learnAddresses()) return false;
    for (const outcome of this.instances) {
      await this.#pause(outcome.instance.waitMs);
      if (this.#cancel.signal.aborted || !await this.#define(outcome)) return false;
    }
    return true;
  }

  /** Resolves when all myikev2 tests that were defined have ended, or were ended. */
  async wait(): Promise<void> {
    await this.#watch.wait(this.#defined);
  }

  /**
   * Gives up the run: instances that run already are not waited for when others could not be
   * started.
   */
  giveUp(): void {
    for (const outcome of this.instances) {
      if (outcome.result !== "running") continue;
      outcome.result = "stopped";
      outcome.reason = "the recipe could not be started as a whole";
    }
  }

  /** Destroys what was defined, and runs the commands that come after it. */
  async undo(): Promise<void> {
    await this.#watch.recordOtherPrograms(this.#defined);
    await Promise.all([...this.#defined].map((outcome) => this.#destroy(outcome)));
    await this.clean();
  }

  /** Runs all commands that come last, also if some of them fail. */
  async clean(): Promise<void> {
    for (const commands of this.recipe.cleanCommands) await this.#runCommands("clean", commands);
  }

  /** The outcome so far. */
  outcome(): RecipeOutcome {
    return {
      recipe: this.recipe.name,
      file: this.#file,
      commands: this.#commands,
      instances: this.instances,
      errors: this.#errors,
      startEpochMs: this.#begun,
      durationSec: (Date.now() - this.#begun) / 1000,
    };
  }

  async #runCommands(when: "setup" | "clean", host: HostCommands): Promise<boolean> {
    const { daemonName, commands } = host;
    const { commandTimeoutMs, tell } = this.#options;
    tell(4, `${when}cmds on ${daemonName}: ${commands}`);
    const begun = Date.now();
    const { reason, output } = await runRemote(this.#daemons.entry(daemonName).ssh, commands, {
      timeoutMs: commandTimeoutMs,
      stopsAtFailure: when === "setup",
      ...(when === "setup" ? { cancel: this.#cancel.signal } : {}),
    });
    const durationSec = (Date.now() - begun) / 1000;
    const outcome = { when, daemonName, commands, reason, output, durationSec };
    this.#commands.push(outcome);
    if (reason !== "") tell(2, failureOfCommands(outcome));
    return reason === "";
  }

  /**
   * Learns which management addresses are in use; false if a daemon does not answer, which has been
   * reported.
   */
  async #learnAddresses(): Promise<boolean> {
    const names = [...new Set(this.instances.map(({ instance }) => instance.daemonName))];
    let isComplete = true;
    for (const { daemonName, instances, error } of await this.#daemons.list(names)) {
      if (error !== "") {
        isComplete = false;
        this.#error(`${daemonName}: ${error}`);
      }
      for (const { api } of instances) if (api) this.#addresses.use(api.address);
      if (this.#options.override) continue;
      const taken = new Set(instances.map(({ name }) => name));
      for (const outcome of this.instances) {
        const { instance } = outcome;
        if (instance.daemonName !== daemonName || !taken.has(instance.name)) continue;
        isComplete = false;
        this.#refused(
          outcome,
          `${instance.name} is on ${daemonName} already; --override replaces it`,
        );
      }
    }
    return isComplete;
  }

  async #define(outcome: InstanceOutcome): Promise<boolean> {
    const { instance } = outcome;
    // Even if the call fails, the instance may exist from now on.
    this.#defined.add(outcome);
    const begun = Date.now();
    try {
      await this.#defineAtFreeAddress(instance);
    } catch (e) {
      if (!(e instanceof Refusal || e instanceof SetupError)) throw e;
      if (e instanceof Refusal && e.code === status.ALREADY_EXISTS) this.#defined.delete(outcome);
      this.#refused(outcome, describeError(e));
      return false;
    }
    outcome.result = "running";
    this.#watch.started(outcome, begun);
    this.#options.tell(4, `${instance.name} is started on ${instance.daemonName}`);
    return true;
  }

  /**
   * Defines an instance at the next free address. Where a process that the daemon does not list has
   * that address, the next one is tried.
   */
  async #defineAtFreeAddress(instance: PreparedInstance): Promise<void> {
    const { override } = this.#options;
    const client = this.#daemons.client(instance.daemonName);
    for (let tries = 1;; tries++) {
      const address = this.#addressFor(instance);
      try {
        return await client.define(defineRequest(instance, address, override));
      } catch (e) {
        const isTaken = address !== undefined && e instanceof Refusal &&
          e.code === status.ALREADY_EXISTS && e.details.includes(showAddress(address));
        if (!isTaken || tries === ADDRESS_TRIES_MAX) throw e;
      }
    }
  }

  #addressFor({ setup, daemonName }: PreparedInstance): IpAddress | undefined {
    if (!setup || !this.#daemons.file.assignsAddresses) return undefined;
    return this.#addresses.next(this.#daemons.entry(daemonName));
  }

  #refused(outcome: InstanceOutcome, reason: string): void {
    outcome.result = "refused";
    outcome.reason = reason;
    this.#options.tell(2, `${outcome.instance.name} on ${outcome.instance.daemonName}: ${reason}`);
  }

  async #destroy(outcome: InstanceOutcome): Promise<void> {
    const { name, daemonName } = outcome.instance;
    try {
      await this.#daemons.client(daemonName).destroy(name, this.#gracefully);
      this.#defined.delete(outcome);
      this.#options.tell(4, `${name} is destroyed on ${daemonName}`);
    } catch (e) {
      // If its state was never learnt, the silence of its daemon has been reported already.
      if (isUnreachable(e) && !isGood(outcome)) {
        this.#options.tell(2, `${name}: ${describeError(e)}`);
      } else this.#error(`Cannot destroy ${name} on ${daemonName}: ${describeError(e)}`);
    }
  }

  #error(text: string): void {
    this.#errors.push(text);
    this.#options.tell(2, text);
  }

  #pause(ms: number): Promise<void> {
    return pause(ms, this.#cancel.signal);
  }
}
