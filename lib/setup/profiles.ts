/**
 * Client profiles: several `ikeconf`s, among which the tunnels of a client are divided by weight.
 * @module
 */
import type { Check } from "@/setup/rule.ts";
import type { IkeConf, ProfileConf, Setup } from "@/setup/setup.ts";

/** The most profiles, and the largest sum of their weights. */
const PROFILES_MAX = 100;
const WEIGHTS_MAX = 10_000;

/**
 * Options of `ikeconf` that all profiles share, as there is one data path and one set of sockets for all
 * tunnels.
 */
const SHARED = [
  "installfastpath",
  "datapath",
  "virtualipif",
  "xfrmif",
  "tcpencap",
  "owntcpport",
  "peertcpport",
  "traditionalencap",
  "tradtionalencapforceudp",
  "enablenatt",
  "reauthmode",
  "keepchildhistory",
] as const satisfies readonly (keyof IkeConf)[];

/** The profiles of a setup; empty if it has only its `ikeconf`. */
export function profilesOf({ role, profiles, ikeconf }: Setup): readonly ProfileConf[] {
  const isOwn = profiles.length === 1 && profiles[0]!.ikeconf === ikeconf;
  return role === "gateway" || isOwn ? [] : profiles;
}

/** The setup of the tunnels of one profile. */
export function setupOf(setup: Setup, { ikeconf }: ProfileConf): Setup {
  return { ...setup, ikeconf, profiles: [] };
}

/** The path in the file of an option of a profile that is checked as if it were in `ikeconf`. */
export function pathIn(profile: number, path: string): string {
  return path.replace(/^ikeconf\b/, `profiles[${profile}].ikeconf`);
}

/** Reports profiles that cannot be together; `checkOne` checks the setup of each by itself. */
export function checkProfiles(
  setup: Setup,
  check: Check,
  checkOne: (setup: Setup, check: Check) => void,
): void {
  const profiles = profilesOf(setup);
  const { fail, isBroken } = check;
  if (profiles.length > PROFILES_MAX) {
    return fail(
      `there are ${profiles.length} profiles: expected at most ${PROFILES_MAX}`,
      "profiles",
    );
  }
  const weights = profiles.reduce((sum, { weight }) => sum + weight, 0);
  if (weights > WEIGHTS_MAX) {
    return fail(`the weights are ${weights} together: expected at most ${WEIGHTS_MAX}`, "profiles");
  }
  for (const [i, profile] of profiles.entries()) {
    const at = `profiles[${i}]`;
    const same = profiles.findIndex(({ name }) => name === profile.name);
    if (same < i) fail(`profile ${i} has the name of profile ${same}`, `${at}.name`);
    for (const name of SHARED) {
      if (profile.ikeconf[name] === setup.ikeconf[name]) continue;
      const path = `${at}.ikeconf.${name}`;
      if (!isBroken(path)) {
        fail(`${name} is the same for all profiles: set it in ikeconf alone`, path);
      }
    }
    checkOne(setupOf(setup, profile), {
      isBroken: (path) => isBroken(path) || isBroken(pathIn(i, path)),
      zoneOf: check.zoneOf,
      fail: (what, path) => fail(what, pathIn(i, path)),
      warn: (what, path) => check.warn(what, pathIn(i, path)),
    });
  }
}
