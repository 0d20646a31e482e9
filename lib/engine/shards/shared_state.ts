/**
 * Makes what all workers of a gateway share, and gives it to a worker.
 * @module
 */
import { poolPlansOf } from "@/engine/run/config_of.ts";
import type { SharedState } from "@/engine/shards/messages.ts";
import { newCountsMemory, SharedCounts } from "@/engine/shards/shared_counts.ts";
import { newPoolMemory, SharedPool } from "@/engine/shards/shared_pool.ts";
import type { AddressPools } from "@/ike/records/pool.ts";
import type { Setup } from "@/setup/setup.ts";

/** The memory for a gateway. */
export function newSharedState(setup: Setup): SharedState {
  const plans = poolPlansOf(setup);
  return {
    counts: newCountsMemory(setup.numberoftunnels),
    v4: plans?.v4 && newPoolMemory(plans.v4),
    v6: plans?.v6 && newPoolMemory(plans.v6),
  };
}

/** The counts of a gateway, as one of its workers uses them. */
export function sharedCountsOf(setup: Setup, { counts }: SharedState): SharedCounts {
  return new SharedCounts(counts, setup.numberoftunnels);
}

/** The pools of a gateway, as one of its workers uses them; undefined: it has none. */
export function sharedPoolsOf(setup: Setup, { v4, v6 }: SharedState): AddressPools | undefined {
  const plans = poolPlansOf(setup);
  return plans && {
    v4: plans.v4 && v4 && new SharedPool(plans.v4, v4),
    v6: plans.v6 && v6 && new SharedPool(plans.v6, v6),
  };
}
