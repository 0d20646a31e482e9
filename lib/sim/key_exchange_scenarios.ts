/**
 * Plays about additional key exchanges (RFC 9370): IKE_INTERMEDIATE between IKE_SA_INIT and IKE_AUTH
 * (RFC 9242), whole and in fragments, with classical groups and with ML-KEM.
 * @module
 */
import { KeGroup } from "@/iana/ke_group.ts";
import type { IkeAlgorithms } from "@/ike/records/config.ts";
import { pair, PATIENT, type Scenario, SUITES, up } from "@/sim/scenarios.ts";
import type { World } from "@/sim/world.ts";

/** Methods that are additional ones here; the suites of the plays use none of them first. */
const METHODS = [KeGroup.ML_KEM_512, KeGroup.ML_KEM_768, KeGroup.ECP_384] as const;

/** A suite with one to three additional key exchanges at drawn places between ADDKE1 and ADDKE7. */
function hybrid({ random }: World): IkeAlgorithms {
  const additional: number[][] = [];
  let methods: readonly number[] = METHODS;
  for (let left = 1 + random.below(METHODS.length); left > 0; left--) {
    if (random.chance(0.3)) additional.push([]);
    const method = random.pick(methods);
    methods = methods.filter((other) => other !== method);
    additional.push([method]);
  }
  return { ...SUITES[0]!, additional };
}

const intermediate: Scenario = {
  name: "ike_intermediate",
  play(world) {
    const algorithms = hybrid(world), wanted = algorithms.additional!.flat();
    const fragmentOctets = world.random.chance(0.5) ? 400 : 0;
    const { a, b } = pair(world, { ...PATIENT, algorithms, fragmentOctets });
    world.dial(a, b);
    return {
      stands: true,
      check() {
        const agreed = [up(a), up(b)].map((sa) => sa?.suite?.additional.join());
        return agreed.every((methods) => methods === wanted.join())
          ? undefined
          : "every additional key exchange that both ends want takes place";
      },
    };
  },
};

const optional: Scenario = {
  name: "ike_intermediate_optional",
  play(world) {
    const additional = [[KeGroup.ML_KEM_768, KeGroup.NONE]];
    const mine = { ...SUITES[0]!, additional }, [plain] = SUITES;
    const turned = world.random.chance(0.5);
    const algorithms = { a: turned ? plain! : mine, b: turned ? mine : plain! };
    const { a, b } = pair(world, PATIENT, {
      a: { algorithms: algorithms.a },
      b: { algorithms: algorithms.b },
    });
    world.dial(a, b);
    return {
      stands: true,
      check() {
        const extra = up(a)?.suite?.additional.length ?? 0;
        return extra > 0 ? "an end that knows no additional key exchange makes none" : undefined;
      },
    };
  },
};

/** Every play of this file. */
export const KEY_EXCHANGE_SCENARIOS: readonly Scenario[] = [intermediate, optional];
