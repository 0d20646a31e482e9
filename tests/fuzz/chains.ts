/**
 * The fuzzer of certification paths: random nets of authorities that certify each other, in circles too, with
 * name constraints, path lengths and namesakes that have other keys, and a certificate whose names try to get
 * around the constraints. A search of all paths, written here by the rules of RFC 5280 §6.1 and without DER
 * or signatures, says which verdict is right.
 * @module
 */
import { contextTag, der, derSequenceOf } from "@/base/der.ts";
import { SeededRandom } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { SigningKeyPair } from "@/crypto/signature.ts";
import { parseCertificate } from "@/pki/certificate.ts";
import type { ExtensionTemplate } from "@/pki/issue.ts";
import { Extension } from "@/pki/oid.ts";
import { trustStoreOf } from "@/pki/trust.ts";
import { validatePath } from "@/pki/validate.ts";
import { Maker, NOW_MS, type Party } from "../unit/pki/_maker.ts";

/** Authorities of a net beside the root; two of them share a name, and have other keys. */
const NAMES = ["One", "Two", "Three", "Four", "Four"] as const;
/** The most certificates that they issue to each other. */
const LINKS_MAX = 12;
const TREES = ["test", "lab.test", "a.lab.test", "evil.test"] as const;
/** Names of the certificate: within a subtree, beside it, or written to look as if they were. */
const LEAF_NAMES = [
  "gw.lab.test",
  "lab.test",
  "GW.A.LAB.TEST",
  "xlab.test",
  "lab.test.evil.test",
  "evil.test",
  "test",
  "gw.lab.test.example",
] as const;

/** What became of all questions. */
export interface ChainTally {
  accepted: number;
  refused: number;
  /** Verdicts that refuse because a bound was reached. */
  tooMuch: number;
  /** Rules of refusals. */
  readonly rules: Map<string, number>;
}

/** A certificate of an authority in the net. */
interface Link {
  /** Indices of authorities; -1 is the root. */
  readonly issuer: number;
  readonly subject: number;
  readonly permitted: readonly string[];
  readonly excluded: readonly string[];
  readonly pathLength: number | undefined;
  readonly party: Party;
}

/** Asks about `cases` nets. @throws {Error} if a verdict is wrong, with the net. */
export async function fuzzChains(
  { cases, seed, backend }: {
    readonly cases: number;
    readonly seed: number;
    readonly backend: CryptoBackend;
  },
): Promise<ChainTally> {
  const random = new SeededRandom(seed);
  const maker = new Maker(backend);
  const root = await maker.root();
  const keys: SigningKeyPair[] = [];
  for (const _ of NAMES) keys.push(await backend.signatures.generate("p-256"));
  const leafKeys = await backend.signatures.generate("p-256");
  const tally: ChainTally = { accepted: 0, refused: 0, tooMuch: 0, rules: new Map() };
  const store = trustStoreOf({ authorities: [root.certificate] });
  for (let n = 0; n < cases; n++) {
    const links = await net(random, maker, { root, keys });
    const issuer = random.below(NAMES.length);
    const names = [random.pick(LEAF_NAMES), random.pick(LEAF_NAMES)].slice(random.below(2));
    const by = links.find(({ subject }) => subject === issuer)?.party;
    if (!by) continue;
    const altNames = names.map((text) => ({ form: "dns", text }) as const);
    const leaf = await maker.issue("leaf", by, { altNames, keys: leafKeys });
    const untrusted = links.map(({ party }) => parseCertificate(party.certificate.der));
    const verdict = await validatePath({
      certificate: leaf.certificate,
      untrusted: shuffled(untrusted, random),
      store,
      nowMs: NOW_MS,
      revocation: "off",
      purpose: "ike",
    }, backend);
    const right = isTrusted(links, { issuer, names, below: [] });
    const shown = () => JSON.stringify(links.map(({ party: _, ...link }) => link));
    if (verdict.accepted) tally.accepted++;
    else {
      tally.refused++;
      tally.rules.set(verdict.rule, (tally.rules.get(verdict.rule) ?? 0) + 1);
      if (verdict.rule === "too_much") tally.tooMuch++;
    }
    if (verdict.accepted === right || (!verdict.accepted && verdict.rule === "too_much")) continue;
    const told = verdict.accepted ? "is trusted" : `is refused: ${verdict.why}`;
    throw new Error(`Case ${n} of seed ${seed}: ${names} by ${issuer} ${told}; ${shown()}`);
  }
  return tally;
}

/** The certificates that the root and the authorities issue, some of them in circles. */
async function net(
  random: SeededRandom,
  maker: Maker,
  { root, keys }: { readonly root: Party; readonly keys: readonly SigningKeyPair[] },
): Promise<Link[]> {
  const links: Link[] = [];
  const count = 2 + random.below(LINKS_MAX - 1);
  for (let i = 0; i < count; i++) {
    const subject = random.below(NAMES.length);
    const issuer = i === 0 || random.chance(0.25) ? -1 : random.below(NAMES.length);
    // A certificate of an authority for its own name is not counted in path lengths; none is made here.
    if (issuer >= 0 && NAMES[issuer] === NAMES[subject]) continue;
    const permitted = random.chance(0.25) ? [random.pick(TREES)] : [];
    const excluded = random.chance(0.15) ? [random.pick(TREES)] : [];
    const pathLength = random.chance(0.2) ? random.below(3) : undefined;
    // Whoever signs has a certificate or not: only its name and key count.
    const signer = issuer < 0 ? root : {
      certificate: (await maker.issue(NAMES[issuer]!, undefined, { keys: keys[issuer]! }))
        .certificate,
      keys: keys[issuer]!,
    };
    const party = await maker.issue(NAMES[subject]!, signer, {
      authority: pathLength === undefined ? true : { pathLength },
      keys: keys[subject]!,
      extensions: constraints(permitted, excluded),
    });
    links.push({ issuer, subject, permitted, excluded, pathLength, party });
  }
  return links;
}

function constraints(
  permitted: readonly string[],
  excluded: readonly string[],
): readonly ExtensionTemplate[] {
  if (permitted.length + excluded.length === 0) return [];
  const subtrees = (number: number, names: readonly string[]) =>
    names.length === 0 ? [] : [
      der(
        contextTag(number, "constructed"),
        ...names.map((name) =>
          derSequenceOf(der(contextTag(2, "primitive"), new TextEncoder().encode(name)))
        ),
      ),
    ];
  const value = derSequenceOf(...subtrees(0, permitted), ...subtrees(1, excluded));
  return [{ oid: Extension.NAME_CONSTRAINTS, critical: true, value }];
}

/** Whether one path without a repeated authority leads from the root to the certificate. */
function isTrusted(
  links: readonly Link[],
  { issuer, names, below }: {
    readonly issuer: number;
    readonly names: readonly string[];
    /** The authorities between this one and the certificate. */
    readonly below: readonly number[];
  },
): boolean {
  if (issuer === -1) return true;
  if (below.includes(issuer)) return false;
  return links.some((link) => {
    if (link.subject !== issuer) return false;
    if (link.pathLength !== undefined && below.length > link.pathLength) return false;
    const isRight = names.every((name) =>
      link.permitted.every((tree) => isWithin(name, tree)) &&
      !link.excluded.some((tree) => isWithin(name, tree))
    );
    return isRight && isTrusted(links, { issuer: link.issuer, names, below: [...below, issuer] });
  });
}

function shuffled<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)[0]!);
}

/** RFC 5280 §4.2.1.10: the subtree itself, and what has labels to its left. */
function isWithin(name: string, tree: string): boolean {
  const lower = name.toLowerCase();
  return lower === tree || lower.endsWith(`.${tree}`);
}
