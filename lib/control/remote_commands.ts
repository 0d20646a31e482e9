/**
 * Runs commands on a daemon's host by the system's `ssh`, which finds keys and known hosts itself.
 * A password is handed over by SSH_ASKPASS in the environment of that one process, never as an
 * argument.
 * @module
 */
import { SystemError, systemWords } from "@/base/errors.ts";
import { writeScript } from "@/files/private_file.ts";
import type { SshAccess } from "@/control/controller_file.ts";

/** Options of a call of `ssh`. */
export interface RemoteOptions {
  /** Longest time of one call, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether a command that fails prevents those after it. */
  readonly stopsAtFailure: boolean;
  /** Ends the call early. */
  readonly cancel?: AbortSignal;
}

/** The outcome of commands on a host. */
export interface RemoteOutcome {
  /** The reason why they failed; empty if they did not. */
  readonly reason: string;
  /** Standard output and standard error; only the end where it is long. */
  readonly output: string;
}

/** The most octets of output that are kept. */
const OUTPUT_OCTETS_MAX = 64 * 1024;
/** Exit status of `ssh` when it could not connect or log in. */
const SSH_FAILED = 255;
const CONNECT_SEC = 10;

/**
 * Script for SSH_ASKPASS. It answers only the two prompts by which `ssh` asks for the password of
 * this user at this host: no prompt of a jump host, none that the far end made up, and no question
 * to trust an unknown host.
 */
const ASKPASS = `#!/bin/sh
if [ "$1" = "$MYIKEV2_SSH_PROMPT" ] || [ "$1" = "$MYIKEV2_SSH_KEYBOARD_PROMPT" ]; then
  printf '%s\\n' "$MYIKEV2_SSH_PASSWORD"
else
  printf 'myikev2 gives the password to no other prompt than "%s", and was asked: %s\\n' \\
    "$MYIKEV2_SSH_PROMPT" "$1" >&2
  exit 1
fi
`;

/** The user and the host of a login, as `ssh` prints them. */
export interface LoginIdentity {
  readonly user: string;
  readonly host: string;
}

/** Reads the identity from the output of `ssh -G`; undefined if it is not there. */
export function loginIdentity(configuration: string): LoginIdentity | undefined {
  const valueOf = (key: string) => new RegExp(`^${key} (.+)$`, "m").exec(configuration)?.[1];
  const user = valueOf("user");
  const host = valueOf("hostkeyalias") ?? valueOf("hostname");
  return user === undefined || host === undefined ? undefined : { user, host };
}

/**
 * The prompts of `ssh` for the password of a user at a host, for the methods "password" and
 * "keyboard-interactive". OpenSSH since 8.6 shortens them in the same way.
 */
export function passwordPrompts({ user, host }: LoginIdentity): [plain: string, keyboard: string] {
  const shortUser = user.slice(0, 30);
  const shortHost = host.slice(0, 128);
  return [`${shortUser}@${shortHost}'s password: `, `(${user}@${host}) Password: `];
}

/** Arguments of `ssh` to run a command on a host. */
export function sshArguments(ssh: SshAccess, command: string): string[] {
  const options = ["-T", "-o", `ConnectTimeout=${CONNECT_SEC}`, "-p", String(ssh.port)];
  if (ssh.configPath !== "") options.push("-F", ssh.configPath);
  if (ssh.user !== "") options.push("-l", ssh.user);
  if (ssh.keyPath !== "") options.push("-i", ssh.keyPath, "-o", "IdentitiesOnly=yes");
  if (ssh.password === "") options.push("-o", "BatchMode=yes");
  else {
    const keys = ssh.keyPath === "" ? "" : "publickey,";
    options.push("-o", "NumberOfPasswordPrompts=1");
    options.push("-o", `PreferredAuthentications=${keys}password,keyboard-interactive`);
  }
  return [...options, "--", ssh.address, command];
}

/**
 * The command line for the login shell of the host, whatever shell that is: `sh` runs the commands.
 */
export function shellCommand(commands: string, stopsAtFailure: boolean): string {
  const quoted = `'${commands.replaceAll("'", `'\\''`)}'`;
  return `exec /bin/sh -${stopsAtFailure ? "e" : ""}c ${quoted}`;
}

/** Runs commands on a host, one after the other. @throws {SystemError} if there is no `ssh`. */
export async function runRemote(
  ssh: SshAccess,
  commands: string,
  options: RemoteOptions,
): Promise<RemoteOutcome> {
  if (ssh.password === "") return await runSsh(ssh, commands, options, {});
  const [prompt, keyboardPrompt] = passwordPrompts(await askIdentity(ssh));
  const { directory, path } = writeScript("myikev2_askpass_", ASKPASS);
  try {
    return await runSsh(ssh, commands, options, {
      SSH_ASKPASS: path,
      SSH_ASKPASS_REQUIRE: "force",
      MYIKEV2_SSH_PASSWORD: ssh.password,
      MYIKEV2_SSH_PROMPT: prompt,
      MYIKEV2_SSH_KEYBOARD_PROMPT: keyboardPrompt,
    });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/**
 * Asks `ssh` which user will log in at which host, as its configuration may change both. @throws
 * {SystemError}
 */
async function askIdentity(ssh: SshAccess): Promise<LoginIdentity> {
  let output: Deno.CommandOutput;
  try {
    const args = ["-G", ...sshArguments(ssh, "true")];
    output = await new Deno.Command("ssh", { args, stdin: "null" }).output();
  } catch (e) {
    throw new SystemError(`Cannot run ssh: ${systemWords(e)}`, "execve", "");
  }
  const identity = loginIdentity(new TextDecoder().decode(output.stdout));
  if (output.success && identity) return identity;
  const lastLine = new TextDecoder().decode(output.stderr).trim().split("\n").at(-1);
  throw new SystemError(
    `Cannot find out by ssh -G which user logs in at ${ssh.address}: ${lastLine}`,
    "ssh",
    "",
  );
}

async function runSsh(
  ssh: SshAccess,
  commands: string,
  { timeoutMs, stopsAtFailure, cancel }: RemoteOptions,
  env: Record<string, string>,
): Promise<RemoteOutcome> {
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command("ssh", {
      args: sshArguments(ssh, shellCommand(commands, stopsAtFailure)),
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (e) {
    throw new SystemError(`Cannot run ssh: ${systemWords(e)}`, "execve", "");
  }
  let ended = "";
  const end = (why: string) => {
    ended ||= why;
    try {
      child.kill("SIGKILL");
    } catch { /* It has ended. */ }
  };
  const timer = setTimeout(() => end(`took longer than ${timeoutMs / 1000} s`), timeoutMs);
  const cancelled = () => end("was cancelled");
  cancel?.addEventListener("abort", cancelled);
  if (cancel?.aborted) cancelled();
  const kept = new Tail(OUTPUT_OCTETS_MAX);
  try {
    const [{ code }] = await Promise.all([
      child.status,
      kept.take(child.stdout),
      kept.take(child.stderr),
    ]);
    return { reason: ended || failureOfStatus(code, kept.text), output: kept.text };
  } finally {
    clearTimeout(timer);
    cancel?.removeEventListener("abort", cancelled);
  }
}

/** The reason of a failure; empty for status 0. */
function failureOfStatus(code: number, output: string): string {
  if (code === 0) return "";
  const last = output.trim().split("\n").at(-1)!.slice(0, 200);
  if (code !== SSH_FAILED) return `ended with status ${code}${last ? `: ${last}` : ""}`;
  return `ssh ended with status ${code}${last ? `: ${last}` : ""}`;
}

/** Keeps the end of an output. */
class Tail {
  #octets = new Uint8Array(0);
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  async take(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const chunk of stream) {
      const all = new Uint8Array(this.#octets.length + chunk.length);
      all.set(this.#octets);
      all.set(chunk, this.#octets.length);
      this.#octets = all.subarray(Math.max(0, all.length - this.#max));
    }
  }

  get text(): string {
    return new TextDecoder().decode(this.#octets);
  }
}
