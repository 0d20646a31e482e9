/**
 * Opens the files that are written during a run: the capture and the key tables.
 * @module
 */
import type { RunHooks } from "@/engine/run/hooks.ts";
import { KeylogDirectory } from "@/report/keylog.ts";
import { PcapFile } from "@/report/pcap.ts";

/** The capture and the key files of a run. */
export interface RunFiles {
  readonly hooks: RunHooks;
  close(): void;
}

/** Opens the files that the options ask for. @throws {SetupError} if a file cannot be written. */
export function openRunFiles(files: {
  readonly pcap?: string | undefined;
  readonly keylog?: string | undefined;
}): RunFiles {
  const pcap = files.pcap === undefined ? undefined : new PcapFile(files.pcap);
  const keylog = files.keylog === undefined ? undefined : new KeylogDirectory(files.keylog);
  return {
    hooks: {
      ...(pcap
        ? { datagram: (sent, octets, path, epochMs) => pcap.add(sent, octets, path, epochMs) }
        : {}),
      ...(keylog
        ? { ikeKeyed: (sa) => keylog.addIke(sa), childKeyed: (child) => keylog.addChild(child) }
        : {}),
    },
    close() {
      pcap?.close();
      keylog?.close();
    },
  };
}
