/**
 * Opens the files that are written during a run: the capture and the key tables.
 * @module
 */
import { SetupError } from "@/base/errors.ts";
import type { RunHooks } from "@/engine/run/hooks.ts";
import { tellLine } from "@/files/terminal.ts";
import { KeylogDirectory } from "@/report/keylog.ts";
import { CaptureFile } from "@/report/capture_file.ts";

const OCTETS_PER_MB = 1_000_000;

/** The capture and the key files of a run. */
export interface RunFiles {
  readonly hooks: RunHooks;
  close(): void;
}

/** Opens the files that the options ask for. @throws {SetupError} if a file cannot be written. */
export function openRunFiles(files: {
  readonly pcap?: string | undefined;
  /** The only tunnel of the capture; undefined: all. */
  readonly pcapTunnel?: number | undefined;
  /** Millions of octets at which a new capture is begun; undefined or 0: no limit. */
  readonly pcapSize?: number | undefined;
  readonly keylog?: string | undefined;
}): RunFiles {
  const { pcapTunnel: tunnel, pcapSize = 0 } = files;
  if (files.pcap === undefined && (tunnel !== undefined || pcapSize > 0)) {
    const option = tunnel === undefined ? "--pcap-size" : "--pcap-tunnel";
    throw new SetupError(`${option} needs --pcap, which names the file of the capture`);
  }
  const pcap = files.pcap === undefined
    ? undefined
    : new CaptureFile(files.pcap, { tunnel, octetsMax: pcapSize * OCTETS_PER_MB });
  const keylog = files.keylog === undefined ? undefined : new KeylogDirectory(files.keylog);
  return {
    hooks: {
      ...(pcap ? { datagram: (datagram) => pcap.add(datagram) } : {}),
      ...(keylog
        ? { ikeKeyed: (sa) => keylog.addIke(sa), childKeyed: (child) => keylog.addChild(child) }
        : {}),
    },
    close() {
      pcap?.close();
      if (tunnel !== undefined && pcap?.datagrams === 0) {
        tellLine(`myikev2: ${files.pcap} is empty, as there was no tunnel ${tunnel}`);
      }
      keylog?.close();
    },
  };
}
