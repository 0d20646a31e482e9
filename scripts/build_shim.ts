/**
 * Builds the C shim, `ffi/build/myikev2_shim.so`: sockets, libcrypto and libssl linked in. Without a C
 * compiler or their static libraries it says in one line what is lost, and succeeds; with `--require` it
 * fails.
 *
 * Run: deno task shim [--require]
 * @module
 */
import { COMPILE, LINK, OPTIONAL } from "./shim_flags.ts";

const SOURCES = [
  "shim.c",
  "crypto.c",
  "crypto_hash.c",
  "crypto_aes_mac.c",
  "crypto_prf.c",
  "crypto_cipher.c",
  "crypto_exchange.c",
  "crypto_signature.c",
  "netns.c",
  "udp_open.c",
  "udp_steer.c",
  "udp_batch.c",
  "udp_errors.c",
  "tcp.c",
  "wait.c",
  "netlink.c",
  "neighbour.c",
  "tun.c",
  "tun_offload.c",
  "crypto_packet.c",
  "tls.c",
];
const OUTPUT = "ffi/build/myikev2_shim.so";
const LOST =
  "native crypto and batched sockets are left out, the portable ones are used; so is TLS, " +
  "and EAP-TLS, EAP-TTLS and PEAP are refused";

const required = Deno.args.includes("--require");
const compiler = Deno.env.get("CC") ?? "gcc";
const libcrypto = await runs(compiler, ["-print-file-name=libcrypto.a"]);
if (libcrypto === undefined) leaveOut(`no C compiler (${compiler})`);
// The compiler answers with the bare name where it knows no such file.
if (!libcrypto.includes("/")) leaveOut("no libcrypto.a (Debian: libssl-dev)");
const libssl = await runs(compiler, ["-print-file-name=libssl.a"]);
if (!libssl?.includes("/")) leaveOut("no libssl.a (Debian: libssl-dev)");
if (!await compiles("#include <openssl/evp.h>")) {
  leaveOut("no C headers (Debian: libc6-dev, libssl-dev)");
}
const isNew = "#include <openssl/opensslv.h>\n#if OPENSSL_VERSION_MAJOR < 3\n#error\n#endif\n";
if (!await compiles(isNew)) leaveOut("libcrypto is older than OpenSSL 3");

const optional: string[] = [];
for (const flag of OPTIONAL) if (await compiles("int one;", ["-Werror", flag])) optional.push(flag);

await Deno.mkdir("ffi/build", { recursive: true });
const partial = `${OUTPUT}.${Deno.pid}`;
// Some distributions build libcrypto with compression, whose libraries must then be named.
const first = await build([]);
const built = first.success || (await build(await librariesOfLibcrypto())).success;
if (!built) {
  console.error(first.said);
  await Deno.remove(partial).catch(() => {});
  console.error(`shim: ${compiler} failed`);
  Deno.exit(1);
}
// A program that runs has the old file open; a new one takes its place at once or not at all.
await Deno.rename(partial, OUTPUT);
const { size } = await Deno.stat(OUTPUT);
console.log(`${OUTPUT}: ${(size / 2 ** 20).toFixed(1)} MiB`);

/** Compiles and links; what the compiler said is for where it failed. */
async function build(libraries: readonly string[]): Promise<{ success: boolean; said: string }> {
  const { success, stderr } = await new Deno.Command(compiler, {
    args: [
      ...COMPILE,
      ...optional,
      // Another compiler's new warning is nothing to a user.
      ...(required ? ["-Werror"] : []),
      ...["-o", partial, ...SOURCES.map((file) => `ffi/${file}`), libssl!, libcrypto!],
      ...LINK,
      ...libraries,
    ],
  }).output();
  return { success, said: new TextDecoder().decode(stderr).trim() };
}

/** What a static libcrypto needs beside itself. */
async function librariesOfLibcrypto(): Promise<string[]> {
  const flags = await runs("pkg-config", ["--static", "--libs-only-l", "libcrypto"]);
  return (flags ?? "-lz -lzstd").split(/\s+/).filter((flag) => flag !== "-lcrypto");
}

/** Says what is lost, and ends. */
function leaveOut(why: string): never {
  const say = required ? console.error : console.log;
  say(`shim: ${why}: ${LOST}`);
  Deno.exit(required ? 1 : 0);
}

/** The trimmed output of a command; undefined where it cannot run or fails. */
async function runs(command: string, args: string[]): Promise<string | undefined> {
  try {
    const output = await new Deno.Command(command, { args, stderr: "null" }).output();
    return output.success ? new TextDecoder().decode(output.stdout).trim() : undefined;
  } catch (e) {
    if (e instanceof Deno.errors.NotFound) return undefined;
    throw e;
  }
}

/** Whether the compiler takes a source text, with these flags. */
async function compiles(source: string, flags: readonly string[] = []): Promise<boolean> {
  const child = new Deno.Command(compiler, {
    args: [...flags, "-x", "c", "-fsyntax-only", "-"],
    stdin: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  return (await child.status).success;
}
