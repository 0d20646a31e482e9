/**
 * What must hold between the options of methods of authentication in place of others (RFC 9593).
 * @module
 */
import type { Check, Rule } from "@/setup/rule.ts";
import type { IkeConf } from "@/setup/setup.ts";

/** Reports methods that stand in for themselves, or beside a second authentication. */
export function checkOtherMethods(ikeconf: IkeConf, rule: Rule, warn: Check["warn"]): void {
  const ends = [
    ["authownothers", "authownmethod", "authown2"],
    ["authpeerothers", "authpeermethod", "authpeer2"],
  ] as const;
  for (const [others, first, second] of ends) {
    const named = [ikeconf[first], ...ikeconf[others]];
    const twice = named.find((method, i) => named.indexOf(method) !== i);
    const path = `ikeconf.${others}`;
    if (twice) rule(`${others} names ${twice}, which ${first} or it names already`, path);
    if (ikeconf[others].length === 0 || ikeconf[second] === "none") continue;
    const what =
      `${others} with ${second}: other methods of a first authentication are not implemented`;
    rule(what, path, `ikeconf.${second}`);
  }
  const { announceauth, authpeermethod, authpeerothers } = ikeconf;
  if (!announceauth || authpeerothers.length > 0 || !authpeermethod.startsWith("eap")) return;
  const what =
    `announceauth has no effect: authpeermethod ${authpeermethod} has no number to announce`;
  warn(what, "ikeconf.announceauth");
}
