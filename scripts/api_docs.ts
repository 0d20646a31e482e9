/**
 * Writes `docs/api.md` from the comments of our proto files: the meaning of every field stands
 * once.
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
setup says otherwise; with port 0 it takes any free port and prints it). Beside it are the services
\`grpc.health.v1.Health\` and gRPC reflection, so that a client needs no file of ours:

    grpcurl -plaintext 127.0.0.1:12330 api.MyIKEv2APISvc/GetSummary

The same server has \`ikeapi.MyIKEv2IKESvc\`, a service with further calls, as the Test API itself is
fixed.

- \`apitlscert\` and \`apitlskey\` enable TLS; with \`apitlsclientca\` only clients with a certificate of
  that authority are accepted.
- **Permissions.** Everybody who reaches the API may read. Keys and PSK in dumps, and calls that
  change something (\`Stop\`, \`ClearPingStats\`, \`RekeyChild\`, \`RekeyIKESA\`, an \`UpdateEventFilter\` that
  means the streams of others), are for root, the user who runs the server, users named by
  \`--allow-user\`, and clients with a certificate (\`apitlsclientca\`). A caller on this host is identified by
  the user who opened the socket at the other end, whatever address was used; a caller on another host
  without a certificate is not trusted, unless \`--insecure\` is given. Other callers get empty fields in place
  of secrets, and PERMISSION_DENIED. \`apisecrets: always\` or \`never\` overrules this for secrets. The log names
  the caller of \`Stop\`.
- **Bounds.** There may be 256 connections at once, of which callers who are not trusted have at most 128
  together, and 16 for each user or address; 300 calls of one connection; and 256 streams, of which callers
  who are not trusted have at most 128 together, and 32 each. Further connections are closed, and further
  streams are answered with RESOURCE_EXHAUSTED.
- Requests that cannot be decoded and arguments out of range are answered with INVALID_ARGUMENT, and calls
  that are not implemented with UNIMPLEMENTED. A request of more than 64 KiB is refused.
- After the end of a test the API answers until every subscriber has the result, for at most 2 s.

\`myikev2 daemon\` serves the Daemon API at 127.0.0.1:12240, with health and reflection too:

    grpcurl -plaintext 127.0.0.1:12240 daemonapi.MyIKEv2DaemonAPISvc/List

- Whoever may call \`Define\` can run shell commands as root. \`Define\`, \`Destroy\` and \`ClearPingStats\` are for
  root, users named by \`--allow-user\`, and clients with a certificate; a caller on this host is identified by
  the user who opened the socket. The daemon listens for other hosts only with \`--tls-client-ca\`, or with \`--insecure\`,
  which trusts them all. It has the bounds of the Test API; a request of more than 4 MiB is refused.
- It also listens on the Unix socket \`/run/myikev2/daemon.sock\` (\`--socket\`), where the kernel identifies each
  caller: \`grpcurl -plaintext -unix /run/myikev2/daemon.sock daemonapi.MyIKEv2DaemonAPISvc/List\`.
- Logs, results and state are files of root in directories into which nobody else can write: a \`LogDir\`
  that belongs to another user, or lies below one that others can write into, is refused.
- Each test has a network namespace \`myikev2-NAME\`, reached by the bridge \`myikev2mgmtbrg\` at an
  address of \`--mgmtprefix\`, or at the \`apilistenaddr\` of its setup. The bridge has the first address
  of the prefix, is removed with the last test, and is the default route of the namespace. Packets to the
  management address are accepted from that link and from the namespace itself, but not from the data
  interface or a tunnel; users of the host are identified as above. The namespace forwards no packets.
- The daemon does not verify the certificate of a test whose API has TLS. A test that demands client
  certificates (\`apitlsclientca\`) does not answer the daemon: \`List\` has no summary of it, and \`Status\` takes its end from its result file.
- Tests continue when the daemon ends. The next daemon with the same \`--statedir\` takes over those that still
  run, and cleans up after those that do not.
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
