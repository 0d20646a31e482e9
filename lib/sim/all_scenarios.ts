/**
 * The list of all scenarios, in the order in which a mixed run takes them.
 * @module
 */
import { AUTH_METHOD_SCENARIOS } from "@/sim/auth_method_scenarios.ts";
import { AUTH_SCENARIOS } from "@/sim/auth_scenarios.ts";
import { CERTIFICATE_SCENARIOS } from "@/sim/certificate_scenarios.ts";
import { CHILDLESS_SCENARIOS } from "@/sim/childless_scenarios.ts";
import { CHILD_SCENARIOS } from "@/sim/child_scenarios.ts";
import { HOSTILE_SCENARIOS } from "@/sim/hostile_scenarios.ts";
import { IPTFS_SCENARIOS } from "@/sim/iptfs_scenarios.ts";
import { KEY_EXCHANGE_SCENARIOS } from "@/sim/key_exchange_scenarios.ts";
import { MOBIKE_SCENARIOS } from "@/sim/mobike_scenarios.ts";
import { NAT_SCENARIOS } from "@/sim/nat_scenarios.ts";
import { REDIRECT_SCENARIOS } from "@/sim/redirect_scenarios.ts";
import { RESUMPTION_SCENARIOS } from "@/sim/resumption_scenarios.ts";
import { REAUTH_SCENARIOS } from "@/sim/reauth_scenarios.ts";
import { PPK_SCENARIOS } from "@/sim/ppk_scenarios.ts";
import { REMOTE_ACCESS_SCENARIOS } from "@/sim/remote_access_scenarios.ts";
import { COMPUTING_SCENARIOS } from "@/sim/computing_scenarios.ts";
import { OVERTIME_SCENARIOS } from "@/sim/overtime_scenarios.ts";
import { ABSENCE_SCENARIOS } from "@/sim/absence_scenarios.ts";
import { CONFIGURATION_SCENARIOS } from "@/sim/configuration_scenarios.ts";
import { CRASH_SCENARIOS } from "@/sim/crash_scenarios.ts";
import { FRAGMENT_SCENARIOS } from "@/sim/fragment_scenarios.ts";
import { INFORMATIONAL_SCENARIOS } from "@/sim/informational_scenarios.ts";
import { PUZZLE_SCENARIOS } from "@/sim/puzzle_scenarios.ts";
import { RESOURCE_SCENARIOS } from "@/sim/resource_scenarios.ts";
import { REKEY_SCENARIOS } from "@/sim/rekey_scenarios.ts";
import { TRANSCRIPT_SCENARIOS } from "@/sim/transcript_scenarios.ts";
import type { Scenario } from "@/sim/scenarios.ts";
import { SETUP_SCENARIOS } from "@/sim/setup_scenarios.ts";

/** All scenarios of all files. */
export const ALL_SCENARIOS: readonly Scenario[] = [
  ...SETUP_SCENARIOS,
  ...INFORMATIONAL_SCENARIOS,
  ...ABSENCE_SCENARIOS,
  ...REKEY_SCENARIOS,
  ...FRAGMENT_SCENARIOS,
  ...CHILD_SCENARIOS,
  ...NAT_SCENARIOS,
  ...HOSTILE_SCENARIOS,
  ...REMOTE_ACCESS_SCENARIOS,
  ...KEY_EXCHANGE_SCENARIOS,
  ...PPK_SCENARIOS,
  ...COMPUTING_SCENARIOS,
  ...OVERTIME_SCENARIOS,
  ...AUTH_SCENARIOS,
  ...MOBIKE_SCENARIOS,
  ...REAUTH_SCENARIOS,
  ...CERTIFICATE_SCENARIOS,
  ...CHILDLESS_SCENARIOS,
  ...REDIRECT_SCENARIOS,
  ...AUTH_METHOD_SCENARIOS,
  ...RESUMPTION_SCENARIOS,
  ...CONFIGURATION_SCENARIOS,
  ...CRASH_SCENARIOS,
  ...TRANSCRIPT_SCENARIOS,
  ...PUZZLE_SCENARIOS,
  ...IPTFS_SCENARIOS,
  ...RESOURCE_SCENARIOS,
];
