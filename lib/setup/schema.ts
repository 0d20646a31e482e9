/**
 * The shape of a setup file: which section holds which options, sections and lists.
 * @module
 */
import { EAP_USER } from "@/setup/eap_options.ts";
import { CHILD, SELECTOR } from "@/setup/child_options.ts";
import { IKECONF, PPK, PSK } from "@/setup/ike_options.ts";
import { LOAD, LOAD_STAGE, LOAD_STORM, PROFILE } from "@/setup/load_options.ts";
import type { Table } from "@/setup/option.ts";
import {
  FLAP,
  IMPAIRMENT,
  IMPAIRMENT_RULE,
  PINGCONF,
  POOL,
  TOP,
  TRAFFICCONF,
} from "@/setup/options.ts";

/** A section: its options, the sections inside it, and its lists of sections. */
export interface Section {
  /** The name of the section in messages; empty for the top level. */
  readonly path: string;
  readonly options: Table;
  readonly sections: Readonly<Record<string, Section>>;
  readonly lists: Readonly<Record<string, Section>>;
  /** Keys that existing files contain although they never had an effect. */
  readonly dead: readonly string[];
  /**
   * Sections that are read over a section of the top level with the same name: what they do not set is as there.
   */
  readonly overlays: Readonly<Record<string, Section>>;
  /** Whether the section is a traffic selector, of which some fields follow from others. */
  readonly isSelector: boolean;
}

const NONE = {};

function section(path: string, options: Table, more: Partial<Section> = {}): Section {
  const nothing = {
    sections: NONE,
    lists: NONE,
    overlays: NONE,
    dead: [],
    isSelector: false,
  } as const;
  return { path, options, ...nothing, ...more };
}

const selector = (path: string) => section(path, SELECTOR, { isSelector: true });
const child = section("ikeconf.childlist[]", CHILD, {
  lists: {
    ownts: selector("ikeconf.childlist[].ownts[]"),
    peerts: selector("ikeconf.childlist[].peerts[]"),
  },
  dead: ["liftime"],
});

const ikeconf = section("ikeconf", IKECONF, {
  sections: { ppk: section("ikeconf.ppk", PPK) },
  lists: {
    childlist: child,
    eapusers: section("ikeconf.eapusers[]", EAP_USER),
    psks: section("ikeconf.psks[]", PSK),
  },
  dead: ["ikev2msgmaxsize"],
});

/** The whole file. */
export const ROOT: Section = section("", TOP, {
  sections: {
    flapconf: section("flapconf", FLAP),
    loadconf: section("loadconf", LOAD, {
      lists: {
        stages: section("loadconf.stages[]", LOAD_STAGE),
        storms: section("loadconf.storms[]", LOAD_STORM),
      },
    }),
    poolconf: section("poolconf", POOL),
    ikeconf,
    pingconf: section("pingconf", PINGCONF),
    trafficconf: section("trafficconf", TRAFFICCONF),
    impairment: section("impairment", IMPAIRMENT, {
      lists: { rules: section("impairment.rules[]", IMPAIRMENT_RULE) },
    }),
  },
  lists: { profiles: section("profiles[]", PROFILE, { overlays: { ikeconf } }) },
});

/** All keys of a section. */
export function namesOf(s: Section): string[] {
  const { options, sections, lists, overlays } = s;
  return [options, sections, lists, overlays].flatMap((table) => Object.keys(table));
}

/** The sections that have a key of this name, by their names in messages. */
export function sectionsWith(name: string, from: Section = ROOT): string[] {
  const here = namesOf(from).includes(name) ? [from.path || "the top level"] : [];
  const inside = [...Object.values(from.sections), ...Object.values(from.lists)];
  return [...here, ...inside.flatMap((s) => sectionsWith(name, s))];
}

/** `ikeconf.childlist[0]` of `ikeconf.childlist[0].esn`; empty at the top. */
export function outerPath(path: string): string {
  return path.replace(/(^|\.)[^.[\]]*$|\[\d+\]$/, "");
}
