/**
 * Prepares the requests that define the instances of a recipe. Setup files are read here, on the host of the
 * controller, and get their management address.
 * @module
 */
import type { DefineGenericTestReq } from "@/api/proto/daemonapi.ts";
import { type IpAddress, showAddress } from "@/base/address.ts";
import { SetupError, systemWords } from "@/base/errors.ts";
import type { DaemonEntry } from "@/control/controller_file.ts";
import type { Recipe, RecipeInstance } from "@/control/recipe.ts";
import { freeAddress } from "@/daemon/management_address.ts";
import { InstanceType } from "@/daemon/record.ts";
import { readSetup, SetupErrors } from "@/setup/read.ts";
import { withOptions } from "@/setup/write.ts";

/** What the controller needs to know of a setup before the test runs. */
export interface SetupFacts {
  readonly text: string;
  readonly role: "client" | "gateway";
  /** Whether the test ends by itself, by `runningtime` or by `loadconf.soak`. */
  readonly ends: boolean;
  /** Whether the API of the test uses TLS. */
  readonly apiTls: boolean;
}

/** An instance that can be defined. `setup` is undefined for another program. */
export interface PreparedInstance extends RecipeInstance {
  readonly setup: SetupFacts | undefined;
}

/**
 * Reads the setup files of a recipe; relative paths start at the directory of the recipe. Values are checked
 * here; whether the setup can run on its host is checked by the daemon.
 * @throws {SetupErrors} with every error of every file.
 */
export function prepareInstances(recipe: Recipe, recipeFile: string): PreparedInstance[] {
  const errors: SetupError[] = [];
  const prepared = recipe.instances.map((instance): PreparedInstance => {
    try {
      return { ...instance, setup: setupOf(instance, recipeFile) };
    } catch (e) {
      if (!(e instanceof SetupError)) throw e;
      errors.push(...(e instanceof SetupErrors ? e.errors : [e]));
      return { ...instance, setup: undefined };
    }
  });
  if (errors.length > 0) throw new SetupErrors(errors);
  return prepared;
}

function setupOf({ what }: RecipeInstance, recipeFile: string): SetupFacts | undefined {
  if (what.kind === "other") return undefined;
  const slash = recipeFile.lastIndexOf("/");
  const directory = slash < 0 ? "" : recipeFile.slice(0, slash + 1);
  const path = what.setupPath.startsWith("/") ? what.setupPath : directory + what.setupPath;
  let text: string;
  try {
    text = new TextDecoder().decode(Deno.readFileSync(path));
  } catch (e) {
    throw new SetupError(`Cannot read ${path}: ${systemWords(e)}`, what.setupPosition);
  }
  const { setup } = readSetup(text, path, { lenient: true, unchecked: true });
  const { role, runningtime, loadconf, apitlscert } = setup;
  const ends = runningtime > 0 || loadconf.soak > 0;
  return { text, role, ends, apiTls: apitlscert !== "" };
}

/** Assigns the management addresses of one recipe, each time the next free one of the daemon's prefix. */
export class ManagementAddresses {
  readonly #used = new Set<string>();

  /** Marks an address as used. */
  use(address: IpAddress): void {
    this.#used.add(showAddress(address));
  }

  /** The next free address of a daemon's prefix. @throws {SetupError} if none is free. */
  next({ name, managementPrefix }: DaemonEntry): IpAddress | undefined {
    if (!managementPrefix) return undefined;
    const address = freeAddress(managementPrefix, (a) => this.#used.has(showAddress(a)));
    if (!address) throw new SetupError(`No address of mgmtaddrprefix of ${name} is free`);
    this.use(address);
    return address;
  }
}

/** Makes a `DefineGenericTestReq`; `address` becomes the `apilistenaddr` of the setup. */
export function defineRequest(
  { name, what, setup }: PreparedInstance,
  address: IpAddress | undefined,
  override: boolean,
): DefineGenericTestReq {
  if (what.kind === "other") {
    const OtherTest = {
      SetupCMDs: what.setupCommands,
      UpCMDs: what.upCommands,
      DestroyCMDs: what.destroyCommands,
      DataIf: what.dataInterface,
      DataIfAddr: what.dataAddress,
    };
    return { Type: InstanceType.OTHER, Name: name, OtherTest, Override: override };
  }
  const { text } = setup!;
  const Setup = address ? withOptions(text, { apilistenaddr: showAddress(address) }) : text;
  const MyIKEv2Test = { Setup, LogDir: what.logDirectory };
  return { Type: InstanceType.OURS, Name: name, MyIKEv2Test, Override: override };
}
