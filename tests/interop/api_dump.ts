/**
 * A client of the Test API that runs in our namespace (the API listens on loopback) and prints every IKE SA
 * with its CHILD_SAs as one line of JSON, with the columns of the key tables.
 *
 *  deno run -A tests/interop/api_dump.ts PORT
 * @module
 */
import { TestClient } from "@/api/client.ts";
import type { CHILDSADumpRead, IKESADumpRead } from "@/api/proto/api_read.ts";
import type { Keylog, KeylogEsp, KeylogIke } from "./keylog.ts";

/** What was negotiated for a CHILD_SA, except its keys. */
export interface DumpedChild {
  /** Our inbound SPI in 8 digits. */
  readonly spi: string;
  readonly esn: boolean;
  readonly tunnelMode: boolean;
}

/** Every IKE SA and CHILD_SA that the API lists. */
export interface ApiDump extends Keylog {
  /** Our SPIs of the established IKE SAs; ended ones stay listed for a while. */
  readonly live: readonly string[];
  readonly children: readonly DumpedChild[];
}

/** State of an established IKE SA without an exchange. */
const ESTABLISHED = 3;

/** Reads everything. `isClient` tells which SPI is the initiator's, as the API does not. */
async function ask(port: number, isClient: boolean): Promise<ApiDump> {
  const client = new TestClient(`127.0.0.1:${port}`);
  const { SummaryList } = await client.call("ListIKESA");
  const ike: KeylogIke[] = [];
  const esp: KeylogEsp[] = [];
  const children: DumpedChild[] = [];
  const live: string[] = [];
  for (const { OwnSPI } of SummaryList) {
    const sa = await client.call("GetIKESA", { OwnSPI });
    ike.push(ikeLine(sa, isClient));
    if (sa.State === ESTABLISHED) live.push(spi(sa.OwnSPI, 16));
    const { OwnSPIList } = await client.call("ListCHILDSA", { IKEOwnSPI: OwnSPI });
    for (const number of OwnSPIList) {
      const child = await client.call("GetCHILDSA", { OwnSPI: number });
      esp.push(...espLines(child, isClient));
      const { ESN, TunnelMode } = child;
      children.push({ spi: spi(number, 8), esn: ESN, tunnelMode: TunnelMode });
    }
  }
  client.close();
  return { ike, live, esp, children };
}

function ikeLine(sa: IKESADumpRead, client: boolean): KeylogIke {
  const own = spi(sa.OwnSPI, 16);
  const peer = spi(sa.PeerSPI, 16);
  return {
    spiI: client ? own : peer,
    spiR: client ? peer : own,
    skEi: hex(sa.SKei),
    skEr: hex(sa.SKer),
    skAi: hex(sa.SKai),
    skAr: hex(sa.SKar),
    encryption: "",
    integrity: "",
  };
}

/**
 * Lines of the table of ESP SAs. Initiator and responder are those of the exchange that made the SA: the
 * initiator sends with the keys of i.
 */
function espLines(child: CHILDSADumpRead, client: boolean): KeylogEsp[] {
  const line = (number: string | number, encryption: Uint8Array, integrity: Uint8Array) => ({
    family: "",
    from: "",
    to: "",
    spi: spi(number, 8),
    encryption: hex(encryption),
    integrity: hex(integrity),
  });
  const byInitiator = client ? child.PeerSPI : child.OwnSPI;
  const byResponder = client ? child.OwnSPI : child.PeerSPI;
  return [line(byInitiator, child.SKei, child.SKai), line(byResponder, child.SKer, child.SKar)];
}

function spi(number: string | number, digits: number): string {
  return BigInt(number).toString(16).padStart(digits, "0");
}

function hex(octets: Uint8Array): string {
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}

if (import.meta.main) {
  console.log(JSON.stringify(await ask(Number(Deno.args[0]), Deno.args[1] === "client")));
}
