/**
 * Reads the controller file, which lists the daemons, says how to reach them and their hosts, and defines the
 * variables of recipes.
 * @module
 */
import { type IpPrefix, parseAddress } from "@/base/address.ts";
import {
  type Entry,
  type FileReading,
  nameOf,
  readFileText,
  type Section,
  type SourceReader,
} from "@/control/source_reader.ts";
import { DAEMON_PORT } from "@/daemon/service.ts";
import { hasRoom } from "@/daemon/management_address.ts";
import { bool, INVALID, type Kind, port, prefix, text } from "@/setup/kinds.ts";
import type { MapSource } from "@/setup/yaml_source.ts";

/** How to log in at a daemon's host by SSH. */
export interface SshAccess {
  readonly address: string;
  readonly port: number;
  /** Name of the user; empty: the system's ssh decides. */
  readonly user: string;
  /** Password of the user; empty: only keys or an agent are tried. */
  readonly password: string;
  /** Path of a private key; empty: those of the system's ssh. */
  readonly keyPath: string;
  /** Path of an ssh_config in place of the user's; empty: the user's. */
  readonly configPath: string;
}

/** Paths of the PEM files for TLS to a daemon; an empty path is not set. */
export interface DaemonTls {
  readonly certificate: string;
  readonly key: string;
  /** Certificates of the authorities that may have issued the daemon's certificate. If set, TLS is used. */
  readonly ca: string;
}

/** One daemon of the list. */
export interface DaemonEntry {
  readonly name: string;
  /** IP address or name of the daemon's host. */
  readonly address: string;
  readonly port: number;
  readonly ssh: SshAccess;
  /** Prefix of the management addresses of its instances; undefined: the daemon has its own (`--mgmtprefix`). */
  readonly managementPrefix: IpPrefix | undefined;
  readonly tls: DaemonTls;
}

/** The contents of a controller file. */
export interface ControllerFile {
  readonly daemons: ReadonlyMap<string, DaemonEntry>;
  /** Variables of the commands in recipes, and their values. */
  readonly variables: ReadonlyMap<string, string>;
  /**
   * Whether the controller assigns management addresses to instances of myikev2; otherwise the daemon does.
   */
  readonly assignsAddresses: boolean;
}

const SSH_PORT = 22;
const TOP = ["daemonlist", "varlist", "autoassignmgmtip"];
const DAEMON_KEYS = [
  "daemonaddr",
  "daemonport",
  "mgmtaddrprefix",
  "tlscert",
  "tlskey",
  "tlsca",
  "sshaddr",
  "sshport",
  "sshuser",
  "sshpass",
  "sshkeypath",
  "sshconfigpath",
];

/** Address or name of a daemon or an SSH server. A name must not look like an option of ssh. */
const host: Kind<string> = {
  expects: "an IP address or a host name",
  parse(value) {
    const isName = value.length <= 253 &&
      /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?$/.test(value);
    // A text of digits and points that is no address is a mistyped address, not a host name.
    return parseAddress(value) || isName && !/^[\d.]+$/.test(value) ? value : INVALID;
  },
};

const user: Kind<string> = {
  expects: "the name of a user",
  parse: (value) => /^([A-Za-z0-9_][^\s\p{C}]{0,255})?$/u.test(value) ? value : INVALID,
};

/** A path of a PEM file or an SSH key. `~/` is the home directory; relative paths start at `directory`. */
function path(directory: string): Kind<string> {
  return {
    expects: "a path",
    parse(value) {
      if (value.includes("\0")) return INVALID;
      if (value.startsWith("~/")) return `${Deno.env.get("HOME") ?? "~"}${value.slice(1)}`;
      return value === "" || value.startsWith("/") ? value : `${directory}/${value}`;
    },
  };
}

/** Reads the text of a controller file. @throws {SetupErrors} with every error of the file. */
export function readControllerFile(content: string, file: string): FileReading<ControllerFile> {
  return readFileText(content, file, (top, reader) => controllerFile(top, reader, file));
}

function controllerFile(top: MapSource, reader: SourceReader, file: string): ControllerFile {
  const section = reader.section(top, "the controller file", TOP)!;
  const list = section.source("daemonlist");
  const entries = list ? reader.entries(list, "daemonlist") : [];
  if (entries?.length === 0) {
    reader.fail(
      "daemonlist is empty: expected at least one daemon",
      section.positionOf("daemonlist"),
    );
  }
  const slash = file.lastIndexOf("/");
  const directory = slash < 0 ? "." : file.slice(0, slash) || "/";
  const daemons = new Map<string, DaemonEntry>();
  for (const entry of entries ?? []) {
    const daemon = daemonEntry(entry, reader, directory);
    if (daemon) daemons.set(daemon.name, daemon);
  }
  const assigns = section.value("autoassignmgmtip", bool, true);
  const isSaid = section.source("autoassignmgmtip") !== undefined;
  for (const { name, managementPrefix } of assigns && isSaid ? daemons.values() : []) {
    if (managementPrefix) continue;
    const position = section.positionOf("autoassignmgmtip");
    reader.fail(`autoassignmgmtip needs mgmtaddrprefix of ${nameOf(name)}`, position);
  }
  return { daemons, variables: variablesOf(section, reader), assignsAddresses: assigns };
}

function daemonEntry(
  entry: Entry,
  reader: SourceReader,
  directory: string,
): DaemonEntry | undefined {
  const { key: name, position, value } = entry;
  // `DAEMON/INSTANCE` names an instance, so the name of a daemon must not contain a slash.
  if (!/^[^\s/\p{C}]{1,64}$/u.test(name)) {
    return reader.fail("Expected a daemon's name of 1 to 64 characters, no space or /", position);
  }
  const section = reader.section(value, `daemonlist.${nameOf(name)}`, DAEMON_KEYS);
  if (!section) return undefined;
  const address = section.required("daemonaddr", host) ?? "";
  const managementPrefix = section.value("mgmtaddrprefix", prefix, undefined);
  if (managementPrefix && !hasRoom(managementPrefix)) {
    reader.fail("mgmtaddrprefix has no room for an instance", section.positionOf("mgmtaddrprefix"));
  }
  return {
    name,
    address,
    port: section.value("daemonport", port(false), DAEMON_PORT),
    ssh: {
      address: section.value("sshaddr", host, address),
      port: section.value("sshport", port(false), SSH_PORT),
      user: section.value("sshuser", user, ""),
      password: passwordOf(section, reader),
      keyPath: section.value("sshkeypath", path(directory), ""),
      configPath: section.value("sshconfigpath", path(directory), ""),
    },
    managementPrefix,
    tls: tlsOf(section, reader, directory),
  };
}

function passwordOf(section: Section, reader: SourceReader): string {
  const password = section.value("sshpass", text, "");
  if (password === "") return "";
  const position = section.positionOf("sshpass");
  if (/[\r\n\0]/.test(password)) reader.fail("sshpass is more than one line", position);
  const words = "sshpass is a password in a file: a key (sshkeypath) or an agent is safer";
  reader.warn(words, position);
  return password;
}

function tlsOf(section: Section, reader: SourceReader, directory: string): DaemonTls {
  const pem = path(directory);
  const tls = {
    certificate: section.value("tlscert", pem, ""),
    key: section.value("tlskey", pem, ""),
    ca: section.value("tlsca", pem, ""),
  };
  const needs = (set: string, key: string, other: string, otherSet: string) => {
    if (set !== "" && otherSet === "") {
      reader.fail(`${section.where}: ${key} needs ${other}`, section.positionOf(key));
    }
  };
  needs(tls.certificate, "tlscert", "tlskey", tls.key);
  needs(tls.key, "tlskey", "tlscert", tls.certificate);
  needs(tls.certificate, "tlscert", "tlsca", tls.ca);
  return tls;
}

function variablesOf(section: Section, reader: SourceReader): Map<string, string> {
  const source = section.source("varlist");
  const variables = new Map<string, string>();
  for (const { key, position, value } of source ? reader.entries(source, "varlist") ?? [] : []) {
    if (key === "") reader.fail("Expected the name of a variable, found nothing", position);
    const replacement = reader.scalar(value, `varlist.${nameOf(key)}`, text);
    if (replacement !== undefined) variables.set(key, replacement);
  }
  return variables;
}
