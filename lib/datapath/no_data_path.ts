/**
 * The data path of a test without packets: CHILD_SAs are negotiated and listed, and nothing carries packets.
 * @module
 */
import type { DataPath, SaCounters } from "@/datapath/data_path.ts";

/** Installs nothing, and lets every call succeed; see {@linkcode DataPath}. */
export class NoDataPath implements DataPath {
  readonly kind = "none";
  installIn(): void {}
  installOut(): void {}
  uninstall(): void {}
  move(): void {}
  addInnerAddress(): void {}
  removeInnerAddress(): void {}
  flush(): void {}
  counters(): SaCounters | undefined {
    return undefined;
  }
  silenceMs(): undefined {}
  totals(): undefined {}
  close(): Promise<void> {
    return Promise.resolve();
  }
}
