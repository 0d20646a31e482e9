/**
 * Checks the options of `loadconf` against each other.
 * @module
 */
import type { Check, Rule } from "@/setup/rule.ts";
import type { LoadConf, Setup } from "@/setup/setup.ts";

/** The most stages of a load. */
const STAGES_MAX = 1_000;
/** How often storms come at most, as each has figures of its own. */
const STORMS_MAX = 1_000;

/** Reports stages that have no end or no tunnels, and options without the stages that they are about. */
export function checkLoad(
  { role, loadconf, numberoftunnels }: Setup,
  rule: Rule,
  warn: Check["warn"],
): void {
  checkStorms({ role, loadconf, numberoftunnels }, rule);
  if (role === "gateway") return;
  const { stages, arrival, burst } = loadconf;
  if (!hasStages(loadconf)) {
    const idle = stages.findIndex(({ ramp, hold }) => ramp > 0 || hold > 0);
    if (idle >= 0) rule("no stage has a rate above 0", `loadconf.stages[${idle}]`);
    else if (arrival !== "regular") {
      warn("arrival has no effect without stages", "loadconf.arrival");
    } else if (burst !== 1) warn("burst has no effect without stages", "loadconf.burst");
    return;
  }
  if (stages.length > STAGES_MAX) {
    const what = `stages has ${stages.length} entries: expected at most ${STAGES_MAX}`;
    return rule(what, "loadconf.stages");
  }
  for (const [i, { rate, ramp, hold }] of stages.entries()) {
    const at = `loadconf.stages[${i}]`;
    if (i === stages.length - 1) {
      if (rate === 0) {
        const what = "the last stage lasts until all tunnels have begun: expected a rate above 0";
        rule(what, `${at}.rate`, at);
      }
    } else if (ramp === 0 && hold === 0) {
      rule("the stage has no length: expected ramp or hold", `${at}.hold`, at, `${at}.ramp`);
    }
  }
}

type Storming = Pick<Setup, "role" | "loadconf" | "numberoftunnels">;

function checkStorms({ role, loadconf, numberoftunnels }: Storming, rule: Rule): void {
  const { storms } = loadconf;
  const all = storms.filter(({ kind }) => kind !== "none").reduce(
    (sum, { count }) => sum + count,
    0,
  );
  if (all > STORMS_MAX) {
    rule(`storms come ${all} times: expected at most ${STORMS_MAX}`, "loadconf.storms");
  }
  for (const [i, { kind, tunnels, count, every }] of storms.entries()) {
    const at = `loadconf.storms[${i}]`;
    if (kind === "none") continue;
    if (role === "gateway" && (kind === "reconnect" || kind === "drop")) {
      rule(`${kind} is a storm of clients, as a gateway dials nobody`, `${at}.kind`, "role");
    }
    if (tunnels > numberoftunnels) {
      const what = `tunnels ${tunnels} is more than numberoftunnels ${numberoftunnels}`;
      rule(what, `${at}.tunnels`, "numberoftunnels");
    }
    if (count > 1 && every === 0) {
      rule(`a storm that comes ${count} times needs every`, `${at}.count`, `${at}.every`);
    }
  }
}

/** Whether the tunnels of a client begin at the rates of stages. */
export function hasStages({ stages }: LoadConf): boolean {
  return stages.some(({ rate }) => rate > 0);
}
