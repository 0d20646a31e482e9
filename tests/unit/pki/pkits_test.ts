/**
 * NIST's PKITS: every certificate of the suite is validated with all authorities and revocation lists
 * of the suite in the store, as if they came from a directory. The expected verdicts are those of
 * `tests/vectors/pkits.json`. We do not support DSA: certificates that need it are only compared by the
 * rule that the table names for them.
 *
 * The suite comes from Debian's package python3-cryptography-vectors. Where the package is missing the
 * test is skipped, but in CI it fails.
 */
import assert from "node:assert/strict";
import { type Certificate, parseCertificate } from "@/pki/certificate.ts";
import { type Crl, parseCrl } from "@/pki/crl.ts";
import { validatePath } from "@/pki/validate.ts";
import type { PolicyInputs, TrustStore } from "@/pki/verdict.ts";
import { BACKENDS, vectorsOf } from "../crypto/_backends.ts";

const SUITE = "/usr/lib/python3/dist-packages/cryptography_vectors/x509/PKITS_data";
const ANCHOR = "TrustAnchorRootCertificate";
/** The suite is valid from 2010 to 2030, except for the certificates that test validity itself. */
const NOW_MS = Date.UTC(2026, 0, 1);

interface Vector {
  readonly test: string;
  readonly certificate: string;
  readonly inputs?: PolicyInputs;
  readonly accepted: boolean;
  readonly rule?: string;
}

/** Parses the files of a folder of the suite that have this ending; their keys are the names without it. */
function read<T>(folder: string, ending: string, parse: (octets: Uint8Array) => T): Map<string, T> {
  const all = new Map<string, T>();
  for (const { name } of Deno.readDirSync(`${SUITE}/${folder}`)) {
    if (!name.endsWith(ending)) continue;
    all.set(name.slice(0, -ending.length), parse(Deno.readFileSync(`${SUITE}/${folder}/${name}`)));
  }
  return all;
}

/** Loads the suite: all certificates by name, and one store with every authority and every list. */
function load(): { certificates: Map<string, Certificate>; store: TrustStore } {
  const certificates = read("certs", ".crt", parseCertificate);
  const crls: Map<string, Crl> = read("crls", ".crl", parseCrl);
  assert.deepEqual([certificates.size, crls.size], [405, 173]);
  const intermediates = [...certificates].filter(([name]) =>
    name !== ANCHOR && !name.endsWith("EE")
  );
  return {
    certificates,
    store: {
      anchors: [certificates.get(ANCHOR)!],
      intermediates: intermediates.map(([, certificate]) => certificate),
      crls: [...crls.values()],
      ocsp: [],
    },
  };
}

function isThere(): boolean {
  try {
    return Deno.statSync(SUITE).isDirectory;
  } catch {
    return false;
  }
}

const isNeeded = Deno.env.get("CI") === "true";
const vectors = vectorsOf<Vector>("pkits.json");

for (const backend of BACKENDS) {
  Deno.test({
    name: `PKITS: ${vectors.length} published verdicts, ${backend.name} ` +
      "(needs python3-cryptography-vectors)",
    ignore: !isThere() && !isNeeded,
    fn: async () => {
      assert.ok(isThere(), `${SUITE} is missing: install python3-cryptography-vectors`);
      const { certificates, store } = load();
      const wrong: string[] = [];
      for (const { test, certificate, inputs = {}, accepted, rule } of vectors) {
        const verdict = await validatePath({
          certificate: certificates.get(certificate)!,
          untrusted: [],
          store,
          nowMs: NOW_MS,
          revocation: "strict",
          purpose: "any",
          policies: inputs,
        }, backend);
        const isClaimed = !certificate.includes("DSA");
        const got = verdict.accepted ? undefined : verdict.rule;
        if (isClaimed && verdict.accepted === accepted && got === rule) continue;
        if (!isClaimed && got === rule) continue;
        wrong.push(`${test} ${certificate} ${JSON.stringify(inputs)}: ${got ?? "accepted"}`);
      }
      assert.deepEqual(wrong, []);
    },
  });
}

Deno.test(
  "the table has each test of PKITS at least once, and each certificate of an end entity",
  {
    ignore: !isThere(),
  },
  () => {
    const sections = new Map<string, Set<number>>();
    for (const { test } of vectors) {
      const at = test.lastIndexOf(".");
      const section = sections.get(test.slice(0, at)) ?? new Set();
      sections.set(test.slice(0, at), section.add(Number(test.slice(at + 1))));
    }
    // PKITS, table of contents of section 4.
    const counts = [6, 8, 11, 21, 8, 17, 5, 20, 8, 14, 11, 10, 38, 35, 10, 2];
    for (const [i, count] of counts.entries()) {
      const numbers = [...sections.get(`4.${i + 1}`) ?? []].sort((a, b) => a - b);
      assert.deepEqual(numbers, Array.from({ length: count }, (_, n) => n + 1), `4.${i + 1}`);
    }
    const named = new Set(vectors.map(({ certificate }) => certificate));
    const there = [...load().certificates.keys()].filter((name) => name.endsWith("EE"));
    assert.deepEqual(there.filter((name) => !named.has(name)), []);
  },
);
