/**
 * A CHILD_SA in the userland data path: its inbound and outbound SA, its selectors, and how large its packets
 * may be.
 * @module
 */
import type { RandomOctets } from "@/base/random.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import type { SaPair, Selector } from "@/datapath/data_path.ts";
import type { EspOrigin } from "@/esp/carrier.ts";
import type { Tunnel } from "@/datapath/tunnel_table.ts";
import { InboundSa } from "@/esp/inbound.ts";
import { OutboundSa } from "@/esp/outbound.ts";
import {
  type PacketCipher,
  type PacketKeys,
  packetMeasures,
  portablePacketCipher,
} from "@/esp/packet_cipher.ts";
import { SelectorSet } from "@/esp/selector.ts";
import type { ShimSymbols } from "@/native/load.ts";
import { PacketKey } from "@/native/packet_keys.ts";

const AH = 2;

/** The crypto of ESP in this process. */
export interface EspCrypto {
  readonly backend: CryptoBackend;
  /** The shim, whose libcrypto encrypts packets; undefined: the crypto backend does. */
  readonly shim: ShimSymbols | undefined;
  readonly random: RandomOctets;
}

/** Both directions of a CHILD_SA in the userland data path. */
export class UserlandSa implements Tunnel {
  pair: SaPair;
  readonly selectors: SelectorSet;
  readonly inbound: InboundSa;
  readonly outbound: OutboundSa;
  /** Whether the inbound and the outbound SA are installed. */
  hasInbound = false;
  hasOutbound = false;
  /** Octets of the largest packet that reaches the peer without fragmentation, and when that was asked. */
  pathMtu = 0;
  pathMtuAtMs = -Infinity;
  /** The address and port from which its packets arrive, if they are not those of the pair's path. */
  movedTo: EspOrigin | undefined;
  /** When the last authentic packet that was no replay arrived, in milliseconds since 1970; 0: never. */
  lastPacketMs = 0;
  /** Whether it was reported that few sequence numbers are left, and that none is. */
  softReported = false;
  hardReported = false;

  constructor(pair: SaPair, crypto: EspCrypto) {
    const { spiIn, spiOut, keysIn, keysOut, suite: { esn }, replayWindow } = pair;
    this.pair = pair;
    this.selectors = new SelectorSet(pair.ownSelectors, pair.peerSelectors);
    const incoming = cipherOf(pair, crypto, { keys: keysIn, seals: false });
    this.inbound = new InboundSa({ spi: spiIn, cipher: incoming, esn, replayWindow });
    const outgoing = cipherOf(pair, crypto, { keys: keysOut, seals: true });
    this.outbound = new OutboundSa({ spi: spiOut, cipher: outgoing, esn, random: crypto.random });
  }

  get ownSelectors(): readonly Selector[] {
    return this.pair.ownSelectors;
  }

  get peerSelectors(): readonly Selector[] {
    return this.pair.peerSelectors;
  }

  /** Octets of the headers before ESP. */
  get outerOctets(): number {
    const { path, encapsulation } = this.pair;
    return (path.peerAddress.length === 4 ? 20 : 40) + (encapsulation === "udp" ? 8 : 0);
  }

  /** Erases the keys. */
  close(): void {
    this.inbound.close();
    this.outbound.close();
  }
}

/** The reason why this data path cannot carry a CHILD_SA; undefined: it can. */
export function whyUnsupported(
  { suite }: SaPair,
  { backend }: EspCrypto,
): string | undefined {
  if (suite.protocol === AH) return "ESP in this process does no AH (datapath: kernel does)";
  if (!backend.cipher(suite.encryption, suite.keyBits)) {
    return "the crypto backend lacks its cipher";
  }
  const lacksIntegrity = suite.integrity !== 0 && !backend.integrity(suite.integrity);
  return lacksIntegrity ? "the crypto backend lacks its integrity algorithm" : undefined;
}

function cipherOf(
  { suite }: SaPair,
  { backend, shim }: EspCrypto,
  direction: { readonly keys: SaPair["keysIn"]; readonly seals: boolean },
): PacketCipher {
  const { keys: { encryption, integrity: authentication }, seals } = direction;
  const cipher = backend.cipher(suite.encryption, suite.keyBits)!;
  const integrity = cipher.icvOctets > 0 ? undefined : backend.integrity(suite.integrity);
  const keys: PacketKeys = { cipher, encryption, integrity, authentication };
  if (!shim || backend.name !== "native") return portablePacketCipher(keys);
  return new NativePacketCipher(shim, keys, seals);
}

/** A packet cipher by libcrypto under the keys of one SA. */
class NativePacketCipher extends PacketKey implements PacketCipher {
  readonly measures;

  constructor(shim: ShimSymbols, keys: PacketKeys, seals: boolean) {
    super(shim, {
      encryption: keys.cipher.id,
      encryptionKey: keys.encryption,
      integrity: keys.integrity?.id ?? 0,
      integrityKey: keys.integrity ? keys.authentication : new Uint8Array(0),
      seals,
    });
    this.measures = packetMeasures(keys);
  }
}
