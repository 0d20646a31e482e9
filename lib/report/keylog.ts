/**
 * Writes key tables for Wireshark: `ikev2_decryption_table` (SPIi, SPIr, SK_ei, SK_er, cipher, SK_ai, SK_ar,
 * integrity) and `esp_sa` (family, source, destination, SPI, cipher, key, integrity, key), with the names of
 * Wireshark 4.0. Wireshark rejects a whole table for one unknown name, so keys of other algorithms are in
 * `other_keys`, in the same columns under their IANA names. `ike_secrets` has SPIi, SPIr and all SK_* of an
 * IKE SA in the order of RFC 7296 §2.14, which is only needed to compare two ends.
 * @module
 */
import { showAddress } from "@/base/address.ts";
import { showSpi32, showSpi64, toHex } from "@/base/bytes.ts";
import type { ChildSaDump, IkeSaDump } from "@/engine/show/view.ts";
import { Encr, nameOfEncr } from "@/iana/encr.ts";
import { Integ, nameOfInteg } from "@/iana/integ.ts";
import { ProtocolId } from "@/iana/protocol_id.ts";
import { makeDirectory } from "@/files/directory.ts";
import { SecretFile } from "@/report/secret_file.ts";

const ICV_OCTETS: Readonly<Record<number, number>> = {
  [Encr.ENCR_AES_CCM_8]: 8,
  [Encr.ENCR_AES_CCM_12]: 12,
  [Encr.ENCR_AES_CCM_16]: 16,
  [Encr.ENCR_AES_GCM_8]: 8,
  [Encr.ENCR_AES_GCM_12]: 12,
  [Encr.ENCR_AES_GCM_16]: 16,
};

const IKE_INTEGRITY: Readonly<Record<number, string>> = {
  0: "NONE [RFC4306]",
  [Integ.AUTH_HMAC_MD5_96]: "HMAC_MD5_96 [RFC2403]",
  [Integ.AUTH_HMAC_SHA1_96]: "HMAC_SHA1_96 [RFC2404]",
  [Integ.AUTH_HMAC_SHA2_256_128]: "HMAC_SHA2_256_128 [RFC4868]",
  [Integ.AUTH_HMAC_SHA2_384_192]: "HMAC_SHA2_384_192 [RFC4868]",
  [Integ.AUTH_HMAC_SHA2_512_256]: "HMAC_SHA2_512_256 [RFC4868]",
  // Wireshark cannot verify this ICV, but with its length it can decrypt the packet.
  [Integ.AUTH_AES_XCBC_96]: "ANY 96-bits of Authentication [No Checking]",
  [Integ.AUTH_AES_CMAC_96]: "ANY 96-bits of Authentication [No Checking]",
};

const ESP_INTEGRITY: Readonly<Record<number, string>> = {
  0: "NULL",
  [Integ.AUTH_HMAC_MD5_96]: "HMAC-MD5-96 [RFC2403]",
  [Integ.AUTH_HMAC_SHA1_96]: "HMAC-SHA-1-96 [RFC2404]",
  [Integ.AUTH_HMAC_SHA2_256_128]: "HMAC-SHA-256-128 [RFC4868]",
  [Integ.AUTH_HMAC_SHA2_384_192]: "HMAC-SHA-384-192 [RFC4868]",
  [Integ.AUTH_HMAC_SHA2_512_256]: "HMAC-SHA-512-256 [RFC4868]",
  [Integ.AUTH_AES_XCBC_96]: "ANY 96 bit authentication [no checking]",
  [Integ.AUTH_AES_CMAC_96]: "ANY 96 bit authentication [no checking]",
};

/** The key tables of one run. */
export class KeylogDirectory {
  readonly #ike: SecretFile;
  readonly #esp: SecretFile;
  readonly #other: SecretFile;
  readonly #secrets: SecretFile;
  readonly #encoder = new TextEncoder();

  /** Makes the directory if it does not exist. @throws {SetupError} if its files cannot be written. */
  constructor(directory: string) {
    try {
      makeDirectory(directory, "user");
    } catch {
      // An error of the directory shows, with a better message, when its files are opened.
    }
    const open = (name: string) => new SecretFile(`${directory}/${name}`, "--keylog");
    this.#ike = open("ikev2_decryption_table");
    this.#esp = open("esp_sa");
    this.#other = open("other_keys");
    this.#secrets = open("ike_secrets");
  }

  /** Adds the keys of an IKE SA. */
  addIke(sa: IkeSaDump): void {
    const keys = sa.keys;
    if (!keys) return;
    const cipher = ikeCipher(sa.encryption, sa.keyBits);
    const integrity = IKE_INTEGRITY[sa.integrity];
    const known = cipher !== undefined && integrity !== undefined;
    const line = [
      showSpi64(sa.spiI).toLowerCase(),
      showSpi64(sa.spiR).toLowerCase(),
      toHex(keys.skEi),
      toHex(keys.skEr),
      quoted(cipher ?? ianaName(sa.encryption, sa.keyBits)),
      toHex(keys.skAi),
      toHex(keys.skAr),
      quoted(integrity ?? nameOfInteg(sa.integrity)),
    ].join(",");
    this.#write(known ? this.#ike : this.#other, line);
    const { skD, skAi, skAr, skEi, skEr, skPi, skPr } = keys;
    const octets = [skD, skAi, skAr, skEi, skEr, skPi, skPr].map(toHex);
    const spis = [sa.spiI, sa.spiR].map((spi) => showSpi64(spi).toLowerCase());
    this.#write(this.#secrets, [...spis, ...octets].join(","));
  }

  /** Adds the keys of both directions of an ESP SA. AH is readable without keys. */
  addChild(child: ChildSaDump): void {
    const keys = child.keys;
    if (!keys || child.protocol !== ProtocolId.ESP) return;
    const inward = child.initiatedHere ? [keys.skEr, keys.skAr] : [keys.skEi, keys.skAi];
    const outward = child.initiatedHere ? [keys.skEi, keys.skAi] : [keys.skEr, keys.skAr];
    const own = showAddress(child.ownAddress);
    const peer = showAddress(child.peerAddress);
    const family = child.ownAddress.length === 4 ? "IPv4" : "IPv6";
    this.#addEsp(child, [family, own, peer, showSpi32(child.peerSpi)], outward);
    this.#addEsp(child, [family, peer, own, showSpi32(child.spi)], inward);
  }

  /** Closes the files. */
  close(): void {
    for (const file of [this.#ike, this.#esp, this.#other, this.#secrets]) file.close();
  }

  #addEsp(
    child: ChildSaDump,
    [family, from, to, spi]: readonly string[],
    [encryptionKey, integrityKey]: readonly Uint8Array[],
  ): void {
    const cipher = espCipher(child.encryption);
    const integrity = ESP_INTEGRITY[child.integrity];
    const known = cipher !== undefined && integrity !== undefined;
    const columns = [
      family!,
      from!,
      to!,
      `0x${spi!.toLowerCase()}`,
      cipher ?? ianaName(child.encryption, child.keyBits),
      encryptionKey!.length ? `0x${toHex(encryptionKey!)}` : "",
      integrity ?? nameOfInteg(child.integrity),
      integrityKey!.length ? `0x${toHex(integrityKey!)}` : "",
    ];
    this.#write(known ? this.#esp : this.#other, columns.map(quoted).join(","));
  }

  #write(file: SecretFile, line: string): void {
    file.write(this.#encoder.encode(`${line}\n`));
  }
}

function ikeCipher(encryption: number, keyBits: number): string | undefined {
  const icv = ICV_OCTETS[encryption];
  switch (encryption) {
    case Encr.ENCR_3DES:
      return "3DES [RFC2451]";
    case Encr.ENCR_AES_CBC:
      return `AES-CBC-${keyBits} [RFC3602]`;
    case Encr.ENCR_AES_CTR:
      return `AES-CTR-${keyBits} [RFC5930]`;
    case Encr.ENCR_AES_CCM_8:
    case Encr.ENCR_AES_CCM_12:
    case Encr.ENCR_AES_CCM_16:
      return `AES-CCM-${keyBits} with ${icv} octet ICV [RFC5282]`;
    case Encr.ENCR_AES_GCM_8:
    case Encr.ENCR_AES_GCM_12:
    case Encr.ENCR_AES_GCM_16:
      return `AES-GCM-${keyBits} with ${icv} octet ICV [RFC5282]`;
    default:
      return undefined;
  }
}

function espCipher(encryption: number): string | undefined {
  const icv = ICV_OCTETS[encryption];
  switch (encryption) {
    case Encr.ENCR_NULL:
      return "NULL";
    case Encr.ENCR_3DES:
      return "TripleDES-CBC [RFC2451]";
    case Encr.ENCR_AES_CBC:
      return "AES-CBC [RFC3602]";
    case Encr.ENCR_AES_CTR:
      return "AES-CTR [RFC3686]";
    case Encr.ENCR_AES_GCM_8:
    case Encr.ENCR_AES_GCM_12:
    case Encr.ENCR_AES_GCM_16:
      return `AES-GCM with ${icv} octet ICV [RFC4106]`;
    default:
      return undefined;
  }
}

function ianaName(encryption: number, keyBits: number): string {
  return keyBits ? `${nameOfEncr(encryption)}-${keyBits}` : nameOfEncr(encryption);
}

function quoted(text: string): string {
  return `"${text}"`;
}
