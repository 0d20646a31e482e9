import assert from "node:assert/strict";
import { parseAddress } from "@/base/address.ts";
import type { ChildSaDump, IkeSaDump } from "@/engine/show/view.ts";
import { Encr } from "@/iana/encr.ts";
import { Integ } from "@/iana/integ.ts";
import { KeylogDirectory } from "@/report/keylog.ts";

/** Keys of an SA from hex digits. */
const keys = (ei: string, er: string, ai: string, ar: string) => ({
  skEi: Uint8Array.fromHex(ei),
  skEr: Uint8Array.fromHex(er),
  skAi: Uint8Array.fromHex(ai),
  skAr: Uint8Array.fromHex(ar),
});

/** All keys of an IKE SA: those of the function `keys`, with SK_d, SK_pi and SK_pr. */
const secrets = (...four: Parameters<typeof keys>) => ({
  ...keys(...four),
  skD: Uint8Array.of(0xd0),
  skPi: Uint8Array.of(0xb1),
  skPr: Uint8Array.of(0xb2),
});

const IKE = {
  spiI: 0x1f2e3d4c5b6a7988n,
  spiR: 0x00000000000000ffn,
  encryption: Encr.ENCR_AES_CBC,
  keyBits: 128,
  integrity: Integ.AUTH_HMAC_SHA2_256_128,
  keys: secrets("e1", "e2", "a1", "a2"),
} as IkeSaDump;

const CHILD = {
  protocol: 3,
  spi: 0xc0000001,
  peerSpi: 0x000000ab,
  ownAddress: parseAddress("192.0.2.1")!,
  peerAddress: parseAddress("192.0.2.2")!,
  encryption: Encr.ENCR_AES_CBC,
  keyBits: 128,
  integrity: Integ.AUTH_HMAC_SHA2_256_128,
  initiatedHere: true,
  keys: keys("e1", "e2", "a1", "a2"),
} as ChildSaDump;

/** The lines of each file of a key log to which `add` has added SAs. */
async function tables(
  add: (log: KeylogDirectory) => void,
): Promise<Record<"ike" | "esp" | "other" | "secrets", string[]>> {
  const dir = await Deno.makeTempDir();
  try {
    const log = new KeylogDirectory(`${dir}/keys`);
    add(log);
    log.close();
    const lines = async (name: string) => {
      assert.equal((await Deno.stat(`${dir}/keys/${name}`)).mode! & 0o777, 0o600);
      const text = await Deno.readTextFile(`${dir}/keys/${name}`);
      return text.split("\n").slice(0, -1);
    };
    return {
      ike: await lines("ikev2_decryption_table"),
      esp: await lines("esp_sa"),
      other: await lines("other_keys"),
      secrets: await lines("ike_secrets"),
    };
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("an IKE SA is a line of ikev2_decryption_table", async () => {
  const { ike } = await tables((log) => log.addIke(IKE));
  assert.deepEqual(ike, [
    '1f2e3d4c5b6a7988,00000000000000ff,e1,e2,"AES-CBC-128 [RFC3602]",a1,a2,' +
    '"HMAC_SHA2_256_128 [RFC4868]"',
  ]);
});

Deno.test("ike_secrets has all keys of an IKE SA, in the order of RFC 7296 §2.14", async () => {
  const { secrets } = await tables((log) => log.addIke(IKE));
  assert.deepEqual(secrets, ["1f2e3d4c5b6a7988,00000000000000ff,d0,a1,a2,e1,e2,b1,b2"]);
});

Deno.test("an SA without keys has no line", async () => {
  const { keys: _, ...bare } = IKE;
  const { keys: __, ...child } = CHILD;
  const { ike, esp, other } = await tables((log) => {
    log.addIke({ ...bare, keys: undefined });
    log.addChild({ ...child, keys: undefined });
  });
  assert.deepEqual([ike, esp, other], [[], [], []]);
});

Deno.test("an ESP SA is two lines of esp_sa, and what the initiator sends has the keys ei and ai", async () => {
  const hmac = '"HMAC-SHA-256-128 [RFC4868]"';
  const cbc = '"AES-CBC [RFC3602]"';
  const toPeer = '"IPv4","192.0.2.1","192.0.2.2","0x000000ab"';
  const toUs = '"IPv4","192.0.2.2","192.0.2.1","0xc0000001"';
  const { esp } = await tables((log) => {
    log.addChild(CHILD);
    log.addChild({ ...CHILD, initiatedHere: false });
  });
  assert.deepEqual(esp, [
    `${toPeer},${cbc},"0xe1",${hmac},"0xa1"`,
    `${toUs},${cbc},"0xe2",${hmac},"0xa2"`,
    `${toPeer},${cbc},"0xe2",${hmac},"0xa2"`,
    `${toUs},${cbc},"0xe1",${hmac},"0xa1"`,
  ]);
});

Deno.test("an AEAD cipher has key and salt in one column, and NULL as the integrity algorithm", async () => {
  const gcm = {
    encryption: Encr.ENCR_AES_GCM_16,
    integrity: 0,
    keys: secrets("0102", "0304", "", ""),
  };
  const { ike, esp } = await tables((log) => {
    log.addIke({ ...IKE, ...gcm });
    log.addChild({ ...CHILD, ...gcm });
  });
  assert.match(
    ike[0]!,
    /,0102,0304,"AES-GCM-128 with 16 octet ICV \[RFC5282\]",,,"NONE \[RFC4306\]"$/,
  );
  assert.match(esp[0]!, /,"AES-GCM with 16 octet ICV \[RFC4106\]","0x0102","NULL",""$/);
});

Deno.test("a line of IPv6 addresses names IPv6 as their family", async () => {
  const [ownAddress, peerAddress] = [parseAddress("2001:db8::1")!, parseAddress("2001:db8::2")!];
  const { esp } = await tables((log) => log.addChild({ ...CHILD, ownAddress, peerAddress }));
  assert.match(esp[0]!, /^"IPv6","2001:db8::1","2001:db8::2"/);
});

Deno.test("an AH SA has no line, as its packets are not encrypted", async () => {
  const { esp, other } = await tables((log) => log.addChild({ ...CHILD, protocol: 2 }));
  assert.deepEqual([esp, other], [[], []]);
});

// Wireshark 4.0 refuses a whole table if one name in it is unknown.
Deno.test("keys of algorithms that Wireshark does not know are in other_keys, with the IANA name of the algorithm", async () => {
  const chacha = { encryption: Encr.ENCR_CHACHA20_POLY1305, keyBits: 0, integrity: 0 };
  const { ike, esp, other } = await tables((log) => {
    log.addIke({ ...IKE, ...chacha, keys: secrets("0102", "0304", "", "") });
    log.addChild({ ...CHILD, ...chacha, keys: secrets("0102", "0304", "", "") });
  });
  assert.deepEqual([ike, esp], [[], []]);
  assert.match(other[0]!, /,"ENCR_CHACHA20_POLY1305",/);
  assert.equal(other.length, 3);
});
