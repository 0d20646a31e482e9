/**
 * Reads a recipe: instances on several daemons in an order, and commands that run before and after them.
 * @module
 */
import { SetupError, type SetupPosition } from "@/base/errors.ts";
import type { ControllerFile } from "@/control/controller_file.ts";
import {
  type Entry,
  type FileReading,
  nameOf,
  readFileText,
  type Section,
  type SourceReader,
} from "@/control/source_reader.ts";
import { substitute } from "@/control/substitution.ts";
import { isInstanceName } from "@/daemon/definition.ts";
import { splitCommands } from "@/daemon/split_commands.ts";
import {
  duration,
  interfaceName,
  INVALID,
  type Kind,
  nearestWord,
  prefix,
  text,
} from "@/setup/kinds.ts";
import type { MapSource, Source } from "@/setup/yaml_source.ts";

/** Commands that run on one host by SSH. */
export interface HostCommands {
  readonly daemonName: string;
  /** The commands, with their variables replaced. */
  readonly commands: string;
}

/** An instance that runs a myikev2 test. */
export interface TestInstance {
  readonly kind: "myikev2";
  /** Path of the setup file on the host of the controller. */
  readonly setupPath: string;
  readonly setupPosition: SetupPosition;
  /** Directory for logs on the daemon's host; empty: the daemon's choice. */
  readonly logDirectory: string;
}

/** An instance that runs another program. */
export interface OtherInstance {
  readonly kind: "other";
  readonly setupCommands: string;
  readonly upCommands: string;
  readonly destroyCommands: string;
  /** Name of the interface that is moved into its namespace; empty: none. */
  readonly dataInterface: string;
  /** Address of that interface as `address/bits`; empty: none. */
  readonly dataAddress: string;
}

/** One instance of a recipe. */
export interface RecipeInstance {
  readonly id: number;
  readonly name: string;
  readonly daemonName: string;
  /** Milliseconds to wait before the instance is started. */
  readonly waitMs: number;
  readonly what: TestInstance | OtherInstance;
}

/** The contents of a recipe. */
export interface Recipe {
  readonly name: string;
  readonly setupCommands: readonly HostCommands[];
  readonly cleanCommands: readonly HostCommands[];
  /** The instances in the order of their ids. */
  readonly instances: readonly RecipeInstance[];
}

const TOP = ["name", "setupcmds", "cleancmds", "instancelist"];
const COMMAND_KEYS = ["daemonname", "cmds"];
const INSTANCE_KEYS = ["name", "daemonname", "waitinterval", "myikev2", "other"];
const OUR_KEYS = ["setuppath", "logdir", "setupath"];
const OTHER_KEYS = ["setupcmds", "upcmds", "destroycmds", "dataif", "dataifaddr"];

const instanceName: Kind<string> = {
  expects: "1 to 64 letters, digits, _, - and ., the first neither - nor .",
  parse: (value) => isInstanceName(value) ? value : INVALID,
};

const absolutePath: Kind<string> = {
  expects: "an absolute path on the daemon's host",
  parse: (value) => value === "" || /^\/[^\0]*$/.test(value) ? value : INVALID,
};

const someText: Kind<string> = {
  expects: "a text",
  parse: (value) => value === "" ? INVALID : value,
};

/** An address with its prefix length. The text is kept as it is, since the daemon reads it again. */
const prefixText: Kind<string> = {
  expects: prefix.expects,
  parse: (value) => prefix.parse(value) === INVALID ? INVALID : value,
};

/** Reads a recipe for the daemons of `controller`. @throws {SetupErrors} with every error. */
export function readRecipe(
  content: string,
  file: string,
  controller: ControllerFile,
): FileReading<Recipe> {
  return readFileText(content, file, (top, reader) => {
    return new RecipeReader(reader, controller).read(top, file);
  });
}

class RecipeReader {
  readonly #reader: SourceReader;
  readonly #controller: ControllerFile;

  constructor(reader: SourceReader, controller: ControllerFile) {
    this.#reader = reader;
    this.#controller = controller;
  }

  read(top: MapSource, file: string): Recipe {
    const section = this.#reader.section(top, "the recipe", TOP)!;
    return {
      name: section.value("name", text, "") || file.slice(file.lastIndexOf("/") + 1),
      setupCommands: this.#hostCommands(section, "setupcmds"),
      cleanCommands: this.#hostCommands(section, "cleancmds"),
      instances: this.#instances(section),
    };
  }

  #hostCommands(section: Section, key: string): HostCommands[] {
    const items = this.#reader.list(section.source(key), key);
    return items.flatMap((item, i) => {
      const entry = this.#reader.section(item, `${key}[${i}]`, COMMAND_KEYS);
      if (!entry) return [];
      const daemonName = this.#daemonOf(entry);
      const commands = this.#commands(entry, "cmds");
      if (!entry.source("cmds")) entry.required("cmds", text);
      return commands.trim() === "" ? [] : [{ daemonName, commands }];
    });
  }

  #daemonOf(section: Section): string {
    const name = section.required("daemonname", text);
    const { daemons } = this.#controller;
    if (name === undefined || daemons.has(name)) return name ?? "";
    const near = nearestWord(name, [...daemons.keys()]);
    const hint = near ? `; did you mean ${near}?` : `; it has ${[...daemons.keys()].join(", ")}`;
    const words = `The controller file has no daemon ${nameOf(name)}${hint}`;
    this.#reader.fail(words, section.positionOf("daemonname"));
    return name;
  }

  /** Commands with their variables replaced. An unclosed quote is an error. */
  #commands(section: Section, key: string): string {
    const commands = substitute(section.value(key, text, ""), this.#controller.variables);
    const fail = (words: string) => {
      this.#reader.fail(`${section.where}.${key}: ${words}`, section.positionOf(key));
    };
    if (commands.includes("\0")) fail("a command has a NUL character");
    try {
      splitCommands(commands);
    } catch (e) {
      if (!(e instanceof SetupError)) throw e;
      fail(e.what);
    }
    return commands;
  }

  #instances(section: Section): RecipeInstance[] {
    const source = section.source("instancelist");
    const entries = source ? this.#reader.entries(source, "instancelist") : [];
    if (entries?.length === 0) {
      const position = section.positionOf("instancelist");
      this.#reader.fail("instancelist is empty: expected at least one instance", position);
    }
    const instances: RecipeInstance[] = [];
    const ids = new Set<number>();
    const names = new Set<string>();
    for (const entry of entries ?? []) {
      const instance = this.#instance(entry);
      if (!instance) continue;
      const place = `${instance.daemonName}/${instance.name}`;
      if (ids.has(instance.id)) {
        this.#reader.fail(`The id ${instance.id} is given twice`, entry.position);
      }
      if (names.has(place)) {
        this.#reader.fail(`${instance.name} is on ${instance.daemonName} twice`, entry.position);
      }
      ids.add(instance.id);
      names.add(place);
      instances.push(instance);
    }
    return instances.sort((a, b) => a.id - b.id);
  }

  #instance({ key, position, value }: Entry): RecipeInstance | undefined {
    const where = `instancelist.${nameOf(key)}`;
    const id = /^[+-]?\d{1,9}$/.test(key) ? Number(key) : undefined;
    if (id === undefined) this.#reader.fail(`Expected a whole number as id in ${where}`, position);
    const section = this.#reader.section(value, where, INSTANCE_KEYS);
    if (!section) return undefined;
    const name = section.required("name", instanceName);
    const daemonName = this.#daemonOf(section);
    const waitMs = section.value("waitinterval", duration, 0);
    const what = this.#what(section);
    if (id === undefined || name === undefined || !what) return undefined;
    return { id, name, daemonName, waitMs, what };
  }

  #what(section: Section): TestInstance | OtherInstance | undefined {
    const test = section.source("myikev2");
    const other = section.source("other");
    if (test && other && test.kind !== "broken" && other.kind !== "broken") {
      const words = `${section.where} has myikev2 and other: expected one of them`;
      return this.#reader.fail(words, section.positionOf("other"));
    }
    if (test) return this.#testInstance(test, `${section.where}.myikev2`);
    if (other) return this.#otherInstance(other, `${section.where}.other`);
    return this.#reader.fail(`${section.where} needs myikev2 or other`, section.position);
  }

  #testInstance(source: Source, where: string): TestInstance | undefined {
    const section = this.#reader.section(source, where, OUR_KEYS);
    if (!section) return undefined;
    const alias = section.source("setupath");
    if (alias) {
      const position = section.positionOf("setupath");
      this.#reader.warn(`setupath is an old name of setuppath`, position);
      if (section.source("setuppath")) {
        this.#reader.fail(`${where} has setuppath and setupath: expected one of them`, position);
      }
    }
    const key = alias ? "setupath" : "setuppath";
    const setupPath = section.required(key, someText);
    const logDirectory = section.value("logdir", absolutePath, "");
    if (setupPath === undefined) return undefined;
    const setupPosition = alias?.position ?? section.source(key)!.position;
    return { kind: "myikev2", setupPath, setupPosition, logDirectory };
  }

  #otherInstance(source: Source, where: string): OtherInstance | undefined {
    const section = this.#reader.section(source, where, OTHER_KEYS);
    if (!section) return undefined;
    const dataInterface = section.value("dataif", interfaceName, "");
    const dataAddress = section.value("dataifaddr", prefixText, "");
    if (dataAddress !== "" && dataInterface === "") {
      this.#reader.fail(`${where}: dataifaddr needs dataif`, section.positionOf("dataifaddr"));
    }
    return {
      kind: "other",
      setupCommands: this.#commands(section, "setupcmds"),
      upCommands: this.#commands(section, "upcmds"),
      destroyCommands: this.#commands(section, "destroycmds"),
      dataInterface,
      dataAddress,
    };
  }
}
