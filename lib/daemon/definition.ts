/**
 * Turns a `Define` request into the definition of an instance. Everything that can be refused
 * without touching the system is refused here.
 * @module
 */
import { status } from "@grpc/grpc-js";
import type { DefineGenericTestReqRead } from "@/api/proto/daemonapi_read.ts";
import { Refusal } from "@/api/refusal.ts";
import { parsePrefix } from "@/base/address.ts";
import { must, SetupError } from "@/base/errors.ts";
import { InstanceType } from "@/daemon/record.ts";
import { splitCommands } from "@/daemon/split_commands.ts";
import { interfaceName, INVALID } from "@/setup/kinds.ts";
import type { Setup } from "@/setup/setup.ts";
import { withOptions } from "@/setup/write.ts";

/** Reads and checks the text of a setup as `test --verify` does. @throws {SetupError} */
export type VerifySetup = (text: string, file: string) => Promise<Setup>;

/** Definition of an instance that runs myikev2 (Type 1). */
export interface OurDefinition {
  readonly type: typeof InstanceType.OURS;
  readonly text: string;
  readonly setup: Setup;
}

/**
 * Definition of an instance that runs another program (Type 2), its command lists split into
 * commands.
 */
export interface OtherDefinition {
  readonly type: typeof InstanceType.OTHER;
  readonly setupCommands: readonly string[];
  readonly upCommands: readonly string[];
  readonly destroyCommands: readonly string[];
}

/** The checked definition of one instance. */
export interface Definition {
  readonly name: string;
  readonly override: boolean;
  readonly logDirectory: string;
  /** Network interface that is moved into the instance's namespace; empty: none. */
  readonly dataInterface: string;
  /** Address of that interface as `address/bits`; empty: it gets none. */
  readonly dataAddress: string;
  readonly what: OurDefinition | OtherDefinition;
}

/** Without LogDir, an instance logs into a directory of its own name below this one. */
export const LOG_DIRECTORY = "/var/log/myikev2";

/** Instance names are also parts of file names and of the name of a network namespace. */
const NAME = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$/;
/** Longest path that Linux accepts, in characters. */
const PATH_MAX = 4_095;

/** Whether a text is a valid name of an instance. */
export function isInstanceName(name: string): boolean {
  return NAME.test(name);
}

/**
 * Returns a valid instance name unchanged. @throws {Refusal} INVALID_ARGUMENT for any other text.
 */
export function checkName(name: string): string {
  if (isInstanceName(name)) return name;
  if (name === "") throw invalid("Name is empty");
  throw invalid(
    `Name ${JSON.stringify(name.slice(0, 80))} is no name of an instance: expected 1 to 64 ` +
      "letters, digits, _, - and ., of which the first is neither - nor .",
  );
}

/**
 * Checks a request and splits it into its parts; `verify` reads the setup of a Type 1 instance.
 * @throws {Refusal} INVALID_ARGUMENT; for an error in a setup with its line and column.
 */
export async function checkDefinition(
  request: DefineGenericTestReqRead,
  verify: VerifySetup,
): Promise<Definition> {
  const name = checkName(request.Name);
  const { Type: type, MyIKEv2Test: ours, OtherTest: other } = request;
  if (type !== InstanceType.OURS && type !== InstanceType.OTHER) {
    throw invalid(`Type is ${type}; it must be 1 for a myikev2 test, or 2 for another program`);
  }
  const [wanted, foreign] = type === InstanceType.OURS ? [ours, other] : [other, ours];
  const names = ["MyIKEv2Test", "OtherTest"];
  if (type === InstanceType.OTHER) names.reverse();
  if (!wanted) throw invalid(`Type is ${type}, and ${names[0]} is not set`);
  if (foreign) throw invalid(`Type is ${type}, and ${names[1]} is set: only ${names[0]} may be`);
  const common = { name, override: request.Override };
  return ours
    ? { ...common, ...await ourDefinition(name, ours, verify) }
    : { ...common, ...otherDefinition(name, other!) };
}

type Part = Omit<Definition, "name" | "override">;

async function ourDefinition(
  name: string,
  { Setup: text, LogDir }: NonNullable<DefineGenericTestReqRead["MyIKEv2Test"]>,
  verify: VerifySetup,
): Promise<Part> {
  const logDirectory = LogDir === "" ? `${LOG_DIRECTORY}/${name}` : LogDir;
  if (
    !logDirectory.startsWith("/") || logDirectory.includes("\0") || logDirectory.length > PATH_MAX
  ) {
    throw invalid(`LogDir ${JSON.stringify(LogDir.slice(0, 80))} is no absolute path`);
  }
  let setup: Setup;
  try {
    const file = setupFileName(name);
    setup = await verify(text, file);
    mustKeep(setup, await verify(withOptions(text, { apilistenaddr: "127.0.0.1" }), file));
  } catch (e) {
    if (e instanceof SetupError) throw invalid(e.message);
    throw e;
  }
  const { bindifname } = setup;
  return {
    logDirectory,
    // Every namespace has its own lo, so that the host's is never moved.
    dataInterface: bindifname === "lo" ? "" : bindifname,
    dataAddress: "",
    what: { type: InstanceType.OURS, text, setup },
  };
}

/** Asserts that writing the management address into a setup changes nothing else of it. */
function mustKeep(sent: Setup, written: Setup): void {
  const rest = (setup: Setup) => JSON.stringify({ ...setup, apilistenaddr: null });
  must(rest(sent) === rest(written), "only apilistenaddr of the setup changes");
}

function otherDefinition(
  name: string,
  other: NonNullable<DefineGenericTestReqRead["OtherTest"]>,
): Part {
  const { DataIf: dataInterface, DataIfAddr: dataAddress } = other;
  if (interfaceName.parse(dataInterface) === INVALID || dataInterface.includes("\0")) {
    throw invalid(
      `DataIf ${
        JSON.stringify(dataInterface.slice(0, 80))
      } is none: expected ${interfaceName.expects}`,
    );
  }
  if (dataAddress !== "") {
    if (dataInterface === "") throw invalid("DataIfAddr needs DataIf");
    if (!dataAddress.includes("/") || !parsePrefix(dataAddress)) {
      throw invalid(
        `DataIfAddr ${
          JSON.stringify(dataAddress.slice(0, 80))
        } is none: expected an address with a ` +
          "prefix length, such as 10.0.0.1/24",
      );
    }
  }
  return {
    logDirectory: `${LOG_DIRECTORY}/${name}`,
    dataInterface: dataInterface === "lo" ? "" : dataInterface,
    dataAddress,
    what: {
      type: InstanceType.OTHER,
      setupCommands: commandsOf("SetupCMDs", other.SetupCMDs),
      upCommands: commandsOf("UpCMDs", other.UpCMDs),
      destroyCommands: commandsOf("DestroyCMDs", other.DestroyCMDs),
    },
  };
}

function commandsOf(field: string, list: string): string[] {
  if (list.includes("\0")) throw invalid(`${field} has a NUL character`);
  try {
    return splitCommands(list);
  } catch (e) {
    if (e instanceof SetupError) throw invalid(`${field}: ${e.message}`);
    throw e;
  }
}

/** Name of the file in the log directory that holds the setup of an instance. */
export function setupFileName(name: string): string {
  return `${name}.yaml`;
}

function invalid(words: string): Refusal {
  return new Refusal(status.INVALID_ARGUMENT, words);
}
