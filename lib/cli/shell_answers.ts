/**
 * Carries out the commands of a running test's shell: calls the Test API, and prints the answer as
 * text or as one line of JSON.
 * @module
 */
import type { TestConnection } from "@/api/connection.ts";
import type { IKESASummaryRead } from "@/api/proto/api_read.ts";
import type { TimestampRead } from "@/api/proto/well_known.ts";
import { must } from "@/base/errors.ts";
import { showSpi32, showSpi64 } from "@/base/bytes.ts";
import { showDuration } from "@/base/duration.ts";
import type { ShellArguments } from "@/cli/shell_commands.ts";
import {
  fieldLines,
  msOf,
  showMessage,
  type Shown,
  type ShownMessage,
  tableLines,
} from "@/cli/shell_fields.ts";

/** Number of entries of one answer, so that a message stays below gRPC's limit of 4 MiB. */
export const PAGE = 10_000;

/** How an answer is printed. */
export interface Answering {
  readonly test: TestConnection;
  /** Whether the answer is one line of JSON. */
  readonly json: boolean;
  print(line: string): void;
}

type Answer = (to: Answering, args: ShellArguments) => Promise<void>;

/** Whether the command `name` is carried out here; others concern the shell itself. */
export function isAnswered(name: string): boolean {
  return Object.hasOwn(ANSWERS, name);
}

/** Carries out one command. @throws {Refusal} */
export async function answer(name: string, args: ShellArguments, to: Answering): Promise<void> {
  must(isAnswered(name), `${name} is a command with an answer`);
  await ANSWERS[name]!(to, args);
}

/** The IKE SAs from index `start` on, at most `len` (0: all), in pages. */
export async function* ikeSas(
  test: TestConnection,
  start = 0,
  len = 0,
): AsyncGenerator<readonly IKESASummaryRead[]> {
  const end = len === 0 ? Infinity : start + len;
  for (let at = start; at < end; at += PAGE) {
    const wanted = Math.min(PAGE, end - at);
    const { SummaryList: page } = await test.call("ListIKESA", { Start: at, Len: wanted });
    if (page.length > 0) yield page;
    if (page.length < wanted) return;
  }
}

const LIST_HEADINGS = ["SPI", "PEER", "STATE", "ESTABLISHED"];

const ANSWERS: Readonly<Record<string, Answer>> = {
  summary: async (to) => tellFields(to, showMessage("summary", await to.test.call("GetSummary"))),
  list: listIkeSas,
  psummary: listPings,
  clearping: async (to) => {
    await to.test.call("ClearPingStats");
    tellDone(to, { cleared: true }, "the counters of all ping tasks are zero");
  },
  dump: async (to, { spi }) => {
    const message = await to.test.call("GetIKESA", { OwnSPI: String(spi) });
    tellFields(to, showMessage("ikeDump", message));
  },
  dumpchild: async (to, { spi }) => {
    const message = await to.test.call("GetCHILDSA", { OwnSPI: Number(spi) });
    tellFields(to, showMessage("childDump", message));
  },
  listchild: async (to, { spi }) => {
    const { OwnSPIList } = await to.test.call("ListCHILDSA", { IKEOwnSPI: String(spi) });
    const spis = OwnSPIList.map((spi) => showSpi32(spi));
    if (to.json) return to.print(JSON.stringify(spis));
    for (const child of spis) to.print(child);
    if (spis.length === 0) to.print(`the IKE SA ${showSpi64(spi!)} has no CHILD_SA`);
  },
  rekeychild: async (to, { spi }) => {
    await to.test.call("RekeyChild", { OwnSPI: Number(spi) });
    tellDone(to, { rekeyed: showSpi32(Number(spi)) }, `${showSpi32(Number(spi))} is rekeyed`);
  },
  rekeyike: async (to, { spi }) => {
    const { NewOwnSPI } = await to.test.call("RekeyIKESA", { OwnSPI: String(spi) });
    const [before, after] = [showSpi64(spi!), showSpi64(BigInt(NewOwnSPI))];
    tellDone(to, { rekeyed: before, NewOwnSPI: after }, `${before} is rekeyed, now ${after}`);
  },
  pool: tellPool,
  uptime: tellUptime,
  stop: async (to, { gracefully = true }) => {
    await to.test.call("Stop", { Gracefully: gracefully });
    tellDone(to, { stopping: true, gracefully }, "the test is ending");
  },
};

async function listIkeSas(to: Answering, { start, len }: ShellArguments): Promise<void> {
  const all: ShownMessage[] = [];
  let count = 0;
  for await (const page of ikeSas(to.test, start, len)) {
    const lines = page.map((sa) => showMessage("ikeLine", sa));
    if (to.json) all.push(...lines);
    else for (const line of pageLines(lines, count === 0)) to.print(line);
    count += lines.length;
  }
  to.print(to.json ? JSON.stringify(all) : `${count} IKE SA${count === 1 ? "" : "s"}`);
}

/** The rows of one page as lines; only the first page has headings. */
function pageLines(page: readonly ShownMessage[], first: boolean): string[] {
  const rows = page.map((
    sa,
  ): Shown[] => [sa.OwnSPI!, endpoint(sa), sa.State!, sa.EstabTime ?? "-"]);
  return tableLines(LIST_HEADINGS, rows).slice(first ? 0 : 1);
}

/** Address and port of the peer: `192.0.2.7:500`, `[2001:db8::1]:500`. */
export function endpoint({ PeerAddr, PeerPort }: ShownMessage): string {
  const host = String(PeerAddr ?? "-");
  return host.includes(":") ? `[${host}]:${PeerPort}` : `${host}:${PeerPort}`;
}

async function listPings(to: Answering, args: ShellArguments): Promise<void> {
  const { start = 0, len = 0 } = args;
  const end = len === 0 ? Infinity : start + len;
  const pings: ShownMessage[] = [];
  let totals = { TotalSent: "0", TotalRecv: "0" };
  for (let at = start; at < end; at += PAGE) {
    const wanted = Math.min(PAGE, end - at);
    const { ResultList, ...sums } = await to.test.call("GetPingSummary", {
      Start: at,
      Len: wanted,
    });
    totals = sums;
    pings.push(...ResultList.map((ping) => showMessage("ping", ping)));
    if (ResultList.length < wanted) break;
  }
  const [TotalSent, TotalRecv] = [Number(totals.TotalSent), Number(totals.TotalRecv)];
  if (to.json) return to.print(JSON.stringify({ ResultList: pings, TotalSent, TotalRecv }));
  const rows = pings.map((p): Shown[] => {
    const [sent, received] = [Number(p.TotalSentPkt), Number(p.TotalRecvPkt)];
    return [p.LocalAddr || "-", p.RemoteAddr!, sent, received, lossOf(sent, received)];
  });
  for (const line of tableLines(["FROM", "TO", "SENT", "RECEIVED", "LOST"], rows)) to.print(line);
  const lost = lossOf(TotalSent, TotalRecv);
  to.print(`all tasks: ${TotalSent} sent, ${TotalRecv} received, ${lost} lost`);
}

function lossOf(sent: number, received: number): string {
  return sent === 0 ? "-" : `${(100 * (sent - received) / sent).toFixed(2)}%`;
}

async function tellPool(to: Answering): Promise<void> {
  const pool = showMessage("pool", await to.test.call("GetPoolUsageSummary"));
  if (to.json) return to.print(JSON.stringify(pool));
  const { V4StartAddr, V4Assigned, V6StartAddr, V6Assigned } = pool;
  if (V4StartAddr) to.print(`IPv4 pool from ${V4StartAddr}: ${V4Assigned} assigned`);
  if (V6StartAddr) to.print(`IPv6 pool from ${V6StartAddr}: ${V6Assigned} assigned`);
  if (!V4StartAddr && !V6StartAddr) to.print("the test has no address pool");
}

async function tellUptime(to: Answering): Promise<void> {
  const summary = await to.test.call("GetSummary");
  const at = (value: TimestampRead | null) => value ? msOf(value) : undefined;
  const { StartTime, TestEndTime, ActualTestEndTime } = showMessage("summary", summary);
  const started = at(summary.StartTime);
  const ends = at(summary.TestEndTime);
  const ended = at(summary.ActualTestEndTime);
  const now = ended ?? Date.now();
  const upMs = started === undefined ? 0 : Math.max(0, now - started);
  if (to.json) {
    const UptimeSec = Math.round(upMs) / 1e3;
    return to.print(JSON.stringify({ UptimeSec, StartTime, TestEndTime, ActualTestEndTime }));
  }
  if (started === undefined) return to.print("the test has not begun");
  const left = ended !== undefined
    ? `ended ${ActualTestEndTime}`
    : ends === undefined
    ? "runs until it is stopped"
    : `ends in ${wholeSeconds(ends - now)}`;
  to.print(`${wholeSeconds(upMs)}, since ${StartTime}; ${left}`);
}

function wholeSeconds(ms: number): string {
  return showDuration(Math.max(0, Math.round(ms / 1e3) * 1e3));
}

function tellFields(to: Answering, message: ShownMessage): void {
  if (to.json) to.print(JSON.stringify(message));
  else for (const line of fieldLines(message)) to.print(line);
}

function tellDone(to: Answering, done: ShownMessage, words: string): void {
  to.print(to.json ? JSON.stringify(done) : words);
}
