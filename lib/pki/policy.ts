/**
 * Certificate policies along a path (RFC 5280 §6.1.2 to §6.1.5), as the graph of RFC 9618 instead of
 * the tree that grows exponentially: at each depth there is one node for each policy.
 * @module
 */
import type { Certificate } from "@/pki/certificate.ts";
import { isSelfIssued } from "@/pki/certificate.ts";
import { ANY_POLICY } from "@/pki/oid.ts";
import type { PolicyInputs } from "@/pki/verdict.ts";

/** One policy at one depth. */
interface PolicyNode {
  readonly policy: string;
  /** The policies that stand for it in the certificates below. */
  expected: ReadonlySet<string>;
  /** The policies of the depth above from which it follows. */
  readonly parents: Set<string>;
}

type Level = Map<string, PolicyNode>;

/** The policies of a path; the path is walked from its anchor down. */
export class PolicyState {
  /** The nodes by depth, beginning at the anchor; undefined if none is left (NULL in RFC 5280). */
  #levels: Level[] | undefined;
  /** The number of certificates after which each rule applies; 0 if it applies already. */
  #explicit: number;
  #inhibitMapping: number;
  #inhibitAny: number;
  readonly #initial: ReadonlySet<string>;

  /** The state before the first of `length` certificates below the anchor. */
  constructor(inputs: PolicyInputs, length: number) {
    this.#initial = new Set(inputs.initialPolicies ?? [ANY_POLICY]);
    this.#levels = [new Map([[ANY_POLICY, node(ANY_POLICY, [ANY_POLICY], [])]])];
    this.#explicit = inputs.requireExplicit ? 0 : length + 1;
    this.#inhibitMapping = inputs.inhibitMapping ? 0 : length + 1;
    this.#inhibitAny = inputs.inhibitAnyPolicy ? 0 : length + 1;
  }

  /**
   * RFC 5280 §6.1.3 (d) to (f): adds the policies of a certificate; `isLast` says that it ends the path.
   * Returns the fault; undefined if there is none.
   */
  enter(certificate: Certificate, isLast: boolean): string | undefined {
    const { policies } = certificate.extensions;
    if (!policies) this.#levels = undefined;
    else if (this.#levels) this.#grow(policies, !isLast && isSelfIssued(certificate));
    if (this.#explicit > 0 || this.#levels) return undefined;
    return "no certificate policy is left, and one is required";
  }

  /** §6.1.4 (a), (b) and (h) to (j): after a certificate that is not the last. */
  leave(certificate: Certificate): string | undefined {
    const { policyMappings, policyConstraints, inhibitAnyPolicy } = certificate.extensions;
    for (const { issuer, subject } of policyMappings) {
      if (issuer === ANY_POLICY || subject === ANY_POLICY) return "it maps anyPolicy";
    }
    if (policyMappings.length > 0 && this.#levels) this.#map(policyMappings);
    if (!isSelfIssued(certificate)) {
      this.#explicit = Math.max(0, this.#explicit - 1);
      this.#inhibitMapping = Math.max(0, this.#inhibitMapping - 1);
      this.#inhibitAny = Math.max(0, this.#inhibitAny - 1);
    }
    const { requireExplicit = Infinity, inhibitMapping = Infinity } = policyConstraints ?? {};
    this.#explicit = Math.min(this.#explicit, requireExplicit);
    this.#inhibitMapping = Math.min(this.#inhibitMapping, inhibitMapping);
    this.#inhibitAny = Math.min(this.#inhibitAny, inhibitAnyPolicy ?? Infinity);
    return undefined;
  }

  /** §6.1.5 (a), (b) and (g): after the last certificate. */
  finish(certificate: Certificate): string | undefined {
    this.#explicit = Math.max(0, this.#explicit - 1);
    if (certificate.extensions.policyConstraints?.requireExplicit === 0) this.#explicit = 0;
    if (this.#explicit > 0 || this.#valid().size > 0) return undefined;
    return "none of its certificate policies is acceptable, and one is required";
  }

  /** §6.1.3 (d): the next depth. */
  #grow(policies: readonly string[], isSelfIssuedAuthority: boolean): void {
    const above = this.#levels!.at(-1)!;
    const level: Level = new Map();
    for (const policy of policies) {
      if (policy === ANY_POLICY) continue;
      const parents = [...above.values()].filter(({ expected }) => expected.has(policy));
      // (1)(ii): anyPolicy of the depth above is the parent of policies that have no other parent.
      if (parents.length > 0) {
        level.set(
          policy,
          node(
            policy,
            [policy],
            parents.map((p) => p.policy),
          ),
        );
      } else if (above.has(ANY_POLICY)) level.set(policy, node(policy, [policy], [ANY_POLICY]));
    }
    if (policies.includes(ANY_POLICY) && (this.#inhibitAny > 0 || isSelfIssuedAuthority)) {
      for (const parent of above.values()) {
        for (const policy of parent.expected) {
          const known = level.get(policy);
          if (!known) level.set(policy, node(policy, [policy], [parent.policy]));
          else if (known.parents.size > 0 && !policies.includes(policy)) {
            known.parents.add(parent.policy);
          }
        }
      }
    }
    this.#levels!.push(level);
    this.#prune();
  }

  /** §6.1.4 (b). */
  #map(mappings: readonly { readonly issuer: string; readonly subject: string }[]): void {
    const level = this.#levels!.at(-1)!;
    const targets = new Map<string, Set<string>>();
    for (const { issuer, subject } of mappings) {
      const known = targets.get(issuer) ?? new Set();
      targets.set(issuer, known.add(subject));
    }
    for (const [issuer, subjects] of targets) {
      const found = level.get(issuer);
      if (this.#inhibitMapping === 0) level.delete(issuer);
      else if (found) found.expected = subjects;
      else if (level.has(ANY_POLICY)) level.set(issuer, node(issuer, subjects, [ANY_POLICY]));
    }
    this.#prune();
  }

  /** Removes nodes without children; all nodes if the last depth is empty. */
  #prune(): void {
    const levels = this.#levels!;
    for (let depth = levels.length - 2; depth >= 0; depth--) {
      const needed = new Set<string>();
      for (const { parents } of levels[depth + 1]!.values()) {
        for (const parent of parents) needed.add(parent);
      }
      for (const policy of levels[depth]!.keys()) {
        if (!needed.has(policy)) levels[depth]!.delete(policy);
      }
    }
    if (levels[0]!.size === 0 || levels.at(-1)!.size === 0) this.#levels = undefined;
  }

  /** §6.1.5 (g): the acceptable policies, as they are called in the domain of the anchor. */
  #valid(): ReadonlySet<string> {
    const levels = this.#levels;
    const valid = new Set<string>();
    if (!levels) return valid;
    for (const level of levels.slice(1)) {
      for (const { policy, parents } of level.values()) {
        if (policy !== ANY_POLICY && parents.has(ANY_POLICY)) valid.add(policy);
      }
    }
    const hasAny = levels.at(-1)!.has(ANY_POLICY);
    if (this.#initial.has(ANY_POLICY)) return hasAny ? valid.add(ANY_POLICY) : valid;
    return new Set([...this.#initial].filter((policy) => hasAny || valid.has(policy)));
  }
}

function node(policy: string, expected: Iterable<string>, parents: Iterable<string>): PolicyNode {
  return { policy, expected: new Set(expected), parents: new Set(parents) };
}
