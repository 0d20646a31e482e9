/**
 * One option of a setup file: its kind, default, role, feature and meaning. Parsing, checking, the
 * default file, its compact form and the documentation all read the same record.
 * @module
 */
import { must } from "@/base/errors.ts";
import type { Feature } from "@/setup/features.ts";
import { INVALID, type Kind } from "@/setup/kinds.ts";

/** The role that uses an option; `both` by default. */
export type OptionRole = "client" | "gateway" | "both";

/** An option, which has a value or a list of values. */
export interface Option<T> {
  // deno-lint-ignore no-explicit-any -- the kind of the element; `T` is the list's type or its own.
  readonly kind: Kind<any>;
  readonly list: boolean;
  /** The default as it is written in a file; several texts for a list. */
  readonly defaultTexts: readonly string[];
  readonly role: OptionRole;
  /** The meaning in one sentence, in the documentation and in the default file. */
  readonly doc: string;
  /** The feature that the option belongs to; undefined: none. */
  readonly feature: Feature | undefined;
  /**
   * Values that do not need the feature, as texts; if empty, every value other than the default
   * needs it.
   */
  readonly freeTexts: readonly string[];
  /**
   * Whether the default uses the feature too, so that it is reported while the feature is not
   * implemented.
   */
  readonly defaultUses: boolean;
  /** The feature that a value needs in addition to that of the option; undefined: none. */
  readonly featureOf: (value: unknown) => Feature | undefined;
  /** Whether a list may be empty although its default is not. */
  readonly mayBeEmpty: boolean;
  /** Whether `null` is one of its keywords, and does not mean that the option is absent. */
  readonly namesNull: boolean;
  /** Whether its value must never be shown in a message. */
  readonly secret: boolean;
  readonly value: T;
}

/** The properties of an option other than its kind, default and meaning. */
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
  must(value !== INVALID, `the default ${defaultText} is ${kind.expects}`);
  return { ...common(kind, doc, traits), list: false, defaultTexts: [defaultText], value };
}

/** An option with a list of values; a single value may be written without brackets. */
export function listOption<T>(
  kind: Kind<T>,
  defaultTexts: readonly string[],
  doc: string,
  traits: OptionTraits = {},
): Option<readonly T[]> {
  const value = defaultTexts.map((text) => {
    const item = kind.parse(text);
    must(item !== INVALID, `the default ${text} is ${kind.expects}`);
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
