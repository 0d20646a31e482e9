/**
 * One option of a setup file: its kind, default, role, feature and meaning. Parsing, checking, the
 * default file, its compact form and the documentation all read the same record.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { Feature } from "@/setup/features.ts";
import type { Kind } from "@/setup/kinds.ts";

/** Which role an option is for; `both` where nothing is said. */
export type OptionRole = "client" | "gateway" | "both";

/** What an option holds: a value, or a list of values. */
export interface Option<T> {
  // deno-lint-ignore no-explicit-any -- the kind of the element; `T` is the list's type or its own.
  readonly kind: Kind<any>;
  readonly list: boolean;
  /** As it would stand in a file; several texts where it is a list. */
  readonly defaultTexts: readonly string[];
  readonly role: OptionRole;
  /** One sentence. */
  readonly doc: string;
  /** The feature it needs; undefined: it is there. A list of values may need none for some. */
  readonly feature: Feature | undefined;
  /** Values that need no feature, as texts; empty: all that differ from the default need it. */
  readonly freeTexts: readonly string[];
  /** Whether the default itself uses the feature, and so is named when it is not there. */
  readonly defaultUses: boolean;
  /** The feature that one value needs beside the option's own; undefined: none. */
  readonly featureOf: (value: unknown) => Feature | undefined;
  /** Whether an empty list is meant as such, although the default is not empty. */
  readonly mayBeEmpty: boolean;
  /** Whether `null` is one of its words, and not nothing. */
  readonly namesNull: boolean;
  /** Whether no message may repeat its value. */
  readonly secret: boolean;
  readonly value: T;
}

/** What may be said of an option beside its kind, default and meaning. */
export interface OptionTraits {
  readonly role?: OptionRole;
  readonly feature?: Feature;
  readonly free?: readonly string[];
  readonly defaultUses?: boolean;
  readonly featureOf?: (value: unknown) => Feature | undefined;
  readonly mayBeEmpty?: boolean;
  readonly namesNull?: boolean;
  readonly secret?: boolean;
}

/** An option with one value. */
export function option<T>(
  kind: Kind<T>,
  defaultText: string,
  doc: string,
  traits: OptionTraits = {},
): Option<T> {
  const value = kind.parse(defaultText);
  must(value !== undefined, `the default ${defaultText} is ${kind.expects}`);
  return { ...common(kind, doc, traits), list: false, defaultTexts: [defaultText], value };
}

/** An option with a list of values; a single one may stand without brackets. */
export function listOption<T>(
  kind: Kind<T>,
  defaultTexts: readonly string[],
  doc: string,
  traits: OptionTraits = {},
): Option<readonly T[]> {
  const value = defaultTexts.map((text) => {
    const item = kind.parse(text);
    must(item !== undefined, `the default ${text} is ${kind.expects}`);
    return item;
  });
  return { ...common(kind, doc, traits), list: true, defaultTexts, value };
}

// deno-lint-ignore no-explicit-any -- see Option.kind.
function common(kind: Kind<any>, doc: string, traits: OptionTraits) {
  return {
    kind,
    doc,
    role: traits.role ?? "both",
    feature: traits.feature,
    freeTexts: traits.free ?? [],
    defaultUses: traits.defaultUses ?? false,
    featureOf: traits.featureOf ?? (() => undefined),
    mayBeEmpty: traits.mayBeEmpty ?? false,
    namesNull: traits.namesNull ?? false,
    secret: traits.secret ?? false,
  } as const;
}

/** The options of one section, by name. */
export type Table = Readonly<Record<string, Option<unknown>>>;

/** The typed values of a section. */
export type Values<T extends Table> = { readonly [K in keyof T]: T[K]["value"] };
