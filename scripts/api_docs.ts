/**
 * Writes `docs/api.md` from the comments of our proto files: the meaning of every field stands once.
 *
 * Run: deno run --allow-read --allow-write scripts/api_docs.ts
 * With `--check` it writes nothing and fails where the document is not current.
 * @module
 */
import { type ProtoBlock, type ProtoEntry, type ProtoText, readProto } from "./proto_text.ts";

/** The document, from the directory that holds `proto/`. */
export async function apiDocument(root: string): Promise<string> {
  const parts = [HEAD];
  for (const [path, title] of FILES) {
    parts.push(
      describeFile(readProto(await Deno.readTextFile(`${root}/proto/${path}`)), path, title),
    );
  }
  return parts.join("\n");
}

const FILES = [
  ["myikev2/api/api.proto", "The Test API"],
  ["myikev2/api/ike.proto", "IKE SAs of a test"],
  ["myikev2/daemonapi/daemonapi.proto", "The Daemon API"],
] as const;

const HEAD = `<!-- deno-fmt-ignore-file -->

# The gRPC APIs

<!-- Written by scripts/api_docs.ts from the comments in proto/: change those. -->

A running test serves the Test API at \`apilistenaddr\`:\`apilistenport\` (127.0.0.1:12330 unless the
setup says otherwise; port 0 takes a free one and prints it). Beside it are the services
\`grpc.health.v1.Health\` and gRPC reflection, so that a client needs no file of ours:

    grpcurl -plaintext 127.0.0.1:12330 api.MyIKEv2APISvc/GetSummary

The same server has \`ikeapi.MyIKEv2IKESvc\`, a service of our own for what the Test API, which never
changes, cannot ask for.

- TLS is on with \`apitlscert\` and \`apitlskey\`; with \`apitlsclientca\` only clients with a
  certificate of that authority get in.
- **Who may do what.** Everybody who reaches the API may read. Keys and PSK in dumps, and calls that
  change something (\`Stop\`, \`ClearPingStats\`, \`RekeyChild\`, \`RekeyIKESA\`, an \`UpdateEventFilter\` that
  means the streams of others), are for root, the user who runs the server, users named by
  \`--allow-user\`, and clients with a certificate (\`apitlsclientca\`). A caller on this host is judged by the
  user who opened the socket at the other end, whatever address was used; one on another host, without a
  certificate, is a stranger unless \`--insecure\` says otherwise. Others get empty fields, and
  PERMISSION_DENIED. \`apisecrets: always\` or \`never\` overrules it for secrets. The log says who asked for a \`Stop\`.
- **Bounds.** 256 connections at once, of which strangers have 128 at most, 16 for each user or
  address; 300 calls of one connection; 256 streams, of which strangers have 128 at most, 32 each. What is
  beyond is closed, or RESOURCE_EXHAUSTED.
- What cannot be decoded, and arguments out of range, are INVALID_ARGUMENT; what is not there yet
  answers UNIMPLEMENTED and says what is missing. A request of more than 64 KiB is refused.
- After the end of a test the API answers until every subscriber is served, 2 s at most.

\`myikev2 daemon\` serves the Daemon API at 127.0.0.1:12240, with health and reflection too:

    grpcurl -plaintext 127.0.0.1:12240 daemonapi.MyIKEv2DaemonAPISvc/List

- Whoever may \`Define\` runs shell commands as root. \`Define\`, \`Destroy\` and \`ClearPingStats\` are for root,
  users named by \`--allow-user\`, and clients with a certificate; a caller on this host is judged by the user
  who opened the socket. The daemon listens for other hosts only with \`--tls-client-ca\`, or with \`--insecure\`,
  which trusts them all. It has the bounds of the Test API; a request of more than 4 MiB is refused.
- Beside TCP it listens at the Unix socket \`/run/myikev2/daemon.sock\` (\`--socket\`), where the kernel names each
  caller: \`grpcurl -plaintext -unix /run/myikev2/daemon.sock daemonapi.MyIKEv2DaemonAPISvc/List\`.
- Logs, results and state are files of root in directories into which nobody else can write: a \`LogDir\`
  that belongs to another user, or lies below one that others can write into, is refused.
- Each test has a network namespace \`myikev2-NAME\`, reached by the bridge \`myikev2mgmtbrg\` at an
  address of \`--mgmtprefix\`, or at the \`apilistenaddr\` of its setup. The bridge has the first address
  of the prefix, goes with the last test, and is the namespace's default route. The management address answers
  what comes over that link and from the namespace itself, and nothing that the data interface or a tunnel
  brings; users of the host are judged as above. Nothing is forwarded in the namespace.
- The daemon asks a test whose API has TLS without verifying its certificate; one that wants client
  certificates (\`apitlsclientca\`) does not answer it: \`List\` has no summary of it, and \`Status\` knows its end by its result file.
- Tests go on when the daemon ends. The next daemon with the same \`--statedir\` takes over what still
  runs, and takes away what does not.
- \`myikev2 daemon history --json\` prints the finished runs, oldest first, as one array of objects with
  \`run\` (a number of its own), \`name\`, \`type\`, \`defined\` and \`ended\` (milliseconds since 1970),
  \`outcome\` (\`passed\`, \`failed\`, \`stopped\`, \`died\`, \`could not start\`; of Type 2 \`ended\`),
  \`words\` (why), \`logDirectory\`, \`established\` and \`configured\` (tunnels; null: not known).
`;

function describeFile(file: ProtoText, path: string, title: string): string {
  const services = file.blocks.filter((block) => block.kind === "service");
  const messages = file.blocks.filter((block) => block.kind === "message");
  return [
    `## ${title}\n`,
    `\`proto/${path}\`\n`,
    `${file.comment}\n`,
    ...[...services, ...messages].map((block) => describeBlock(block, "")),
  ].join("\n");
}

function describeBlock(block: ProtoBlock, prefix: string): string {
  const name = prefix + block.name;
  const parts = [`### ${name}\n`, `${block.comment}\n`];
  if (block.entries.length > 0) {
    const heads = block.kind === "service"
      ? ["call", "request", "answer", "what it does"]
      : ["field", "number", "type", "meaning"];
    parts.push(table(heads, block.entries));
  }
  return [...parts, ...block.nested.map((inner) => describeBlock(inner, `${name}.`))].join("\n");
}

function table(heads: readonly string[], entries: readonly ProtoEntry[]): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rows = entries.map(({ name, columns, comment }) =>
    row([`\`${name}\``, ...columns, comment.replaceAll("\n", " ").replaceAll("|", "\\|")])
  );
  return [row(heads), row(heads.map(() => "---")), ...rows].join("\n") + "\n";
}

if (import.meta.main) {
  const root = `${import.meta.dirname}/..`;
  const document = await apiDocument(root);
  const path = `${root}/docs/api.md`;
  if (!Deno.args.includes("--check")) await Deno.writeTextFile(path, document);
  else if (await Deno.readTextFile(path) !== document) {
    console.error("docs/api.md is not current: deno run -A scripts/api_docs.ts");
    Deno.exit(1);
  }
}
