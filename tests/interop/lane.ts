/**
 * A lane of the interop run: one lab in which rows run one after the other, with strongSwan or libreswan as
 * the peer. charon keeps running and is restarted when a row needs other settings; pluto, which starts in a
 * tenth of a second, is started for every row.
 * @module
 */
import { atSite, PSK } from "./ends.ts";
import { Lab } from "./harness.ts";
import { LIBRESWAN_4, Pluto } from "./libreswan.ts";
import { type LibreswanRow, LibreswanRun } from "./libreswan_row.ts";
import { Ours, type Setup } from "./ours.ts";
import { PKI, pkiOf, withRawKeys } from "./pki.ts";
import { type Row, RowRun } from "./row.ts";
import type { Server } from "./servers.ts";
import { Charon, DEBIAN, type StrongSwan } from "./strongswan.ts";

const ROW_LIMIT_MS = 90_000;

/** A row with either peer. */
export type AnyRow = Row | LibreswanRow;

/** How a row ended. */
export interface Outcome {
  readonly row: AnyRow;
  readonly result: "passed" | "failed" | "not offered";
  /** What is wrong, or the words by which the peer refuses; empty if the row passed. */
  readonly why: string;
  readonly ms: number;
}

/** Whether strongSwan is the peer of `row`. */
export function withStrongSwan(row: AnyRow): row is Row {
  return "swanctl" in row;
}

/** One lab and the peer in it. */
export class Lane {
  #charon: Charon | undefined;
  #settings: string | undefined;
  #installed: StrongSwan | undefined;

  private constructor(readonly lab: Lab) {}

  /** Makes the lab; `letter` distinguishes the lanes of one process. */
  static async open(letter: string): Promise<Lane> {
    return new Lane(await Lab.open(letter));
  }

  /** Runs one row. It does not throw for what is wrong in the row. */
  async run(row: AnyRow): Promise<Outcome> {
    const beganMs = performance.now();
    const ended = withStrongSwan(row)
      ? await this.#withCharon(row)
      : row.refused
      ? await this.#refused(row, row.refused)
      : await this.#withPluto(row);
    return { row, ...ended, ms: Math.round(performance.now() - beganMs) };
  }

  async #charonWith(settings: string, installed: StrongSwan): Promise<Charon> {
    const isSame = this.#settings === settings && this.#installed === installed;
    if (this.#charon && isSame) return this.#charon;
    await this.#charon?.stop();
    this.#settings = settings;
    this.#installed = installed;
    const { lab } = this;
    return this.#charon = await Charon.start(lab, lab.theirs, settings, { installed });
  }

  async #withCharon(row: Row): Promise<Ended> {
    let ours: Ours | undefined;
    let standIn: Charon | undefined;
    let server: Server | undefined;
    let why = "";
    try {
      const charon = await this.#charonWith(row.settings ?? "", row.strongSwan ?? DEBIAN);
      const pki = namesPki(row) ? await pkiOf(this.lab) : undefined;
      await charon.load(row.swanctl, pki && `${pki}/theirs`);
      await row.before?.(new RowRun(this.lab, charon, undefined, undefined));
      server = await row.server?.(this.lab, pki ?? "");
      if (typeof row.setup === "string") {
        standIn = await Charon.start(this.lab, this.lab.ours);
        await standIn.load(row.setup);
      } else {
        ours = await Ours.start(this.lab, this.lab.ours, await this.#setup(row.setup));
      }
      const run = new RowRun(this.lab, charon, ours, standIn);
      run.server = server;
      await within(ROW_LIMIT_MS, row.check(run));
    } catch (error) {
      const log = (await this.#charon?.log() ?? "").split("\n");
      const telling = log.filter((line) =>
        !/\[(IKE|CHD)\].* (\d+:|activating|queueing|=>) /.test(line)
      );
      why = told(error as Error, ours, "strongSwan", telling);
      if (server) why += `\n--- the server's log\n${(await server.said()).slice(-2_000)}`;
    }
    await standIn?.stop();
    await ours?.abandon();
    await server?.stop();
    await row.after?.(this.lab);
    // SAs that a failed row left in charon are dropped by a restart.
    if (why !== "") this.#settings = undefined;
    return passedUnless(why);
  }

  /** Our setup with what is only known when the lab runs. */
  async #setup(setup: Setup): Promise<Setup> {
    const text = JSON.stringify(atSite(setup, this.lab.ours));
    if (!text.includes(PKI)) return JSON.parse(text);
    return JSON.parse(text.replaceAll(PKI, await pkiOf(this.lab)));
  }

  /** Starts a pluto. As both peers use port 500, charon is ended first. */
  async #pluto(row: LibreswanRow): Promise<Pluto> {
    await this.#charon?.stop();
    this.#charon = undefined;
    const { psk = PSK, secrets = [], general = [], libreswan = LIBRESWAN_4 } = row;
    const pki = row.pki ? { directory: await pkiOf(this.lab), ...row.pki } : undefined;
    const conf = pki ? await withRawKeys(row.conf, pki.directory) : row.conf;
    return await Pluto.start(this.lab, this.lab.theirs, conf, {
      psk,
      secrets,
      general,
      installed: libreswan,
      ...(pki ? { pki } : {}),
    });
  }

  async #withPluto(row: LibreswanRow): Promise<Ended> {
    let ours: Ours | undefined;
    let pluto: Pluto | undefined;
    let why = "";
    try {
      pluto = await this.#pluto(row);
      await pluto.load("net");
      await row.before?.(new LibreswanRun(this.lab, pluto, undefined));
      const setup = await this.#setup(row.setup);
      ours = await Ours.start(this.lab, this.lab.ours, setup);
      await within(ROW_LIMIT_MS, row.check(new LibreswanRun(this.lab, pluto, ours)));
    } catch (error) {
      const log = (await pluto?.plainLog() ?? "").split("\n");
      why = told(error as Error, ours, "libreswan", log);
    }
    await ours?.abandon();
    await pluto?.kill();
    return passedUnless(why);
  }

  /** Runs a row that libreswan does not offer, and compares the refusal. */
  async #refused(row: LibreswanRow, words: RegExp): Promise<Ended> {
    let pluto: Pluto | undefined;
    try {
      pluto = await this.#pluto(row);
      const done = await pluto.tryLoad("net");
      const said = `${done.stdout}${done.stderr}${await pluto.plainLog()}`;
      const match = words.exec(said);
      if (match) return { result: "not offered", why: match[0] };
      return { result: "failed", why: `libreswan does not say ${words} but: ${said}` };
    } catch (error) {
      return { result: "failed", why: (error as Error).message };
    } finally {
      await pluto?.kill();
    }
  }

  /** Ends the peer and removes the lab. */
  async close(): Promise<void> {
    await this.lab.close();
  }
}

/** Whether a row needs keys and certificates. */
function namesPki({ setup, swanctl, server }: Row): boolean {
  return JSON.stringify(setup).includes(PKI) || /\b(certs|pubkeys) = /.test(swanctl) ||
    server !== undefined;
}

type Ended = Pick<Outcome, "result" | "why">;

function passedUnless(why: string): Ended {
  return { result: why === "" ? "passed" : "failed", why };
}

/** Describes what is wrong, with the ends of both logs. */
function told(error: Error, ours: Ours | undefined, peer: string, log: readonly string[]): string {
  const parts = [[`${peer}'s log`, log.slice(-25).join("\n")]];
  if (ours) parts.unshift(["what we said", ours.said()]);
  return error.message + parts.map(([title, text]) => `\n--- ${title}\n${text}`).join("");
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`The row took longer than ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
