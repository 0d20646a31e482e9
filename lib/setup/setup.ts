/**
 * A setup file as typed values: every option under its own name, durations in milliseconds,
 * addresses as octets, algorithms as IANA numbers.
 * @module
 */
import type { IpAddress } from "@/base/address.ts";
import type { EAP_USER } from "@/setup/eap_options.ts";
import type { CHILD } from "@/setup/child_options.ts";
import type { IKECONF, PPK, PSK } from "@/setup/ike_options.ts";
import type { LOAD, LOAD_STAGE, LOAD_STORM, PROFILE } from "@/setup/load_options.ts";
import type { Values } from "@/setup/option.ts";
import type {
  FLAP,
  IMPAIRMENT,
  IMPAIRMENT_RULE,
  PINGCONF,
  POOL,
  TOP,
  TRAFFICCONF,
} from "@/setup/options.ts";

/** One traffic selector: a range of addresses and ports. */
export interface SelectorConf {
  readonly family: 4 | 6;
  /** IP protocol; 0 any. */
  readonly protocol: number;
  readonly startport: number;
  readonly endport: number;
  readonly startaddr: IpAddress;
  readonly endaddr: IpAddress;
}

/** One entry of `ikeconf.childlist`. */
export interface ChildConf extends Values<typeof CHILD> {
  readonly ownts: readonly SelectorConf[];
  readonly peerts: readonly SelectorConf[];
}

/** `ikeconf`. */
export interface IkeConf extends Values<typeof IKECONF> {
  readonly ppk: Values<typeof PPK>;
  readonly childlist: readonly ChildConf[];
  readonly psks: readonly Values<typeof PSK>[];
  readonly eapusers: readonly Values<typeof EAP_USER>[];
}

/** `impairment`: what is done to IKE messages on purpose. */
export interface ImpairmentConf extends Values<typeof IMPAIRMENT> {
  /** The rules, without those that do nothing. */
  readonly rules: readonly Values<typeof IMPAIRMENT_RULE>[];
}

/** `loadconf`: the rate at which tunnels begin. */
export interface LoadConf extends Values<typeof LOAD> {
  /** In their order; without a rate above 0 the setup has none. */
  readonly stages: readonly Values<typeof LOAD_STAGE>[];
  /** One of the kind `none` is no storm. */
  readonly storms: readonly Values<typeof LOAD_STORM>[];
}

/** An entry of `profiles`: the tunnels of one kind of clients. */
export interface ProfileConf extends Values<typeof PROFILE> {
  /** The options of the setup with those that differ in this profile. */
  readonly ikeconf: IkeConf;
}

/** A whole setup: read, typed and checked. */
export interface Setup extends Values<typeof TOP> {
  readonly loadconf: LoadConf;
  /** At least one; the only one has the `ikeconf` of the setup if the file has none. */
  readonly profiles: readonly ProfileConf[];
  readonly flapconf: Values<typeof FLAP>;
  readonly poolconf: Values<typeof POOL>;
  readonly pingconf: Values<typeof PINGCONF>;
  readonly trafficconf: Values<typeof TRAFFICCONF>;
  readonly impairment: ImpairmentConf;
  readonly ikeconf: IkeConf;
}

/**
 * The methods of the additional key exchanges of the IKE SA, beginning with the list of `addke1`;
 * empty lists at the end are left out.
 */
export function additionalOf(ikeconf: IkeConf): readonly (readonly number[])[] {
  const { addke1, addke2, addke3, addke4, addke5, addke6, addke7 } = ikeconf;
  return trimmed([addke1, addke2, addke3, addke4, addke5, addke6, addke7]);
}

/**
 * The methods of the additional key exchanges of a CHILD_SA; empty if its rekeys have no key
 * exchange.
 */
export function pfsAdditionalOf(child: ChildConf): readonly (readonly number[])[] {
  if (!child.pfsenabled) return [];
  const { pfsaddke1, pfsaddke2, pfsaddke3, pfsaddke4, pfsaddke5, pfsaddke6, pfsaddke7 } = child;
  return trimmed([
    pfsaddke1,
    pfsaddke2,
    pfsaddke3,
    pfsaddke4,
    pfsaddke5,
    pfsaddke6,
    pfsaddke7,
  ]);
}

function trimmed(lists: readonly (readonly number[])[]): readonly (readonly number[])[] {
  return lists.slice(0, lists.findLastIndex((methods) => methods.length > 0) + 1);
}
