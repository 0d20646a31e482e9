/** The reader of charon's log, on lines as strongSwan 5.9.8 writes them. */
import assert from "node:assert/strict";
import { parseCharonLog } from "../../interop/charon_log.ts";
import { parseListedSas } from "../../interop/strongswan.ts";

/** Two IKE SAs whose lines interleave, as two of charon's threads write them; secrets shortened. */
const LOG = `
01:01:56 13[NET] <1> received packet: from 10.77.0.2[500] to 10.77.0.1[500] (256 bytes)
01:01:56 13[ENC] <1> parsed IKE_SA_INIT request 0 [ SA KE No ]
01:01:56 14[IKE] <1> Sk_d secret => 18 bytes @ 0x7f555c008a60
01:01:56 14[IKE] <1>    0: 36 DE 38 14 35 E3 48 FD 43 70 D9 1F 8B E8 F0 B6  6.8.5.H.Cp......
01:01:56 15[IKE] <other|2> Sk_ei secret => 4 bytes @ 0x7f555c008600
01:01:56 14[IKE] <1>   16: 9E 2B                                            .+
01:01:56 15[IKE] <other|2>    0: 01 02 03 04                                      ....
01:01:56 14[IKE] <1> Sk_ei secret => 3 bytes @ 0x7f555c008600
01:01:56 14[IKE] <1>    0: 0A 0B 0C                                         ...
01:01:56 14[ENC] <1> parsed IKE_AUTH request 1 [ IDi AUTH SA TSi TSr ]
01:01:56 14[IKE] <net|1> octets = message + nonce + prf(Sk_px, IDx') => 20 bytes @ 0x7f555c00a660
01:01:56 14[IKE] <net|1>    0: 2C 98 9B 13 59 3D 1B 32 00 00 00 00 00 00 00 00  ,...Y=.2........
01:01:56 14[IKE] <net|1>   16: 21 20 22 08                                      ! ".
01:01:56 14[IKE] <net|1> octets = message + nonce + prf(Sk_px, IDx') => 20 bytes @ 0x7f555c00a660
01:01:56 14[IKE] <net|1>    0: 2C 98 9B 13 59 3D 1B 32 40 A3 48 4D 85 A2 7C FB  ,...Y=.2@.HM..|.
01:01:56 14[IKE] <net|1>   16: 21 20 22 20                                      ! " 
01:01:56 14[IKE] <net|1> IKE_SA net[1] established between 10.77.0.1[a]...10.77.0.2[b]
01:01:56 14[CHD] <net|1> encryption initiator key => 2 bytes @ 0x7f555c00abe0
01:01:56 14[CHD] <net|1>    0: 11 12                                            ..
01:01:56 14[CHD] <net|1> encryption responder key => 2 bytes @ 0x7f555c00a640
01:01:56 14[CHD] <net|1>    0: 21 22                                            !"
01:01:56 14[IKE] <net|1> CHILD_SA net{1} established with SPIs c1944550_i cd95156e_o and TS x === y
01:01:56 15[ENC] <other|2> generating IKE_AUTH request 1 [ IDi AUTH SA TSi TSr ]
01:01:56 15[CHD] <other|2> encryption initiator key => 1 bytes @ 0x7f555c00abe0
01:01:56 15[CHD] <other|2>    0: 31                                               1
01:01:56 15[CHD] <other|2> integrity initiator key => 1 bytes @ 0x7f555c00abe0
01:01:56 15[CHD] <other|2>    0: 32                                               2
01:01:56 15[IKE] <other|2> CHILD_SA net{2} established with SPIs 00000001_i 00000002_o and TS x === y
`;

Deno.test("octets, SPIs and names of interleaved IKE SAs are kept apart", () => {
  const sas = parseCharonLog(LOG);
  const net = sas.get(1)!;
  const other = sas.get(2)!;
  assert.equal(net.connection, "net");
  assert.equal(net.spiI, "2c989b13593d1b32");
  assert.equal(net.spiR, "40a3484d85a27cfb");
  assert.ok(net.established && !other.established);
  assert.equal(net.secrets.get("SK_d"), "36de381435e348fd4370d91f8be8f0b69e2b");
  assert.equal(net.secrets.get("SK_ei"), "0a0b0c");
  assert.equal(other.secrets.get("SK_ei"), "01020304");
});

Deno.test("ESP keys go to the SPI of the direction they protect", () => {
  const sas = parseCharonLog(LOG);
  // charon answered IKE SA 1: what the initiator sends comes in.
  assert.deepEqual(sas.get(1)!.esp.get("c1944550"), { encryption: "1112", integrity: "" });
  assert.deepEqual(sas.get(1)!.esp.get("cd95156e"), { encryption: "2122", integrity: "" });
  // It initiated IKE SA 2: what the initiator sends goes out.
  assert.deepEqual(sas.get(2)!.esp.get("00000002"), { encryption: "31", integrity: "32" });
});

Deno.test("where two requests cross, keys go by the message that they come of", () => {
  const key = (end: string, octet: string) =>
    `01:01:56 14[CHD] <net|1> encryption ${end} key => 1 bytes @ 0x7f\n` +
    `01:01:56 14[CHD] <net|1>    0: ${octet}                                               .\n`;
  const child = (spis: string) =>
    `01:01:56 14[IKE] <net|1> CHILD_SA net{2} established with SPIs ${spis} and TS x === y\n`;
  const { esp } = parseCharonLog(
    "01:01:56 14[ENC] <net|1> generating CREATE_CHILD_SA request 2 [ N(REKEY_SA) SA No TSi TSr ]\n" +
      "01:01:56 14[ENC] <net|1> parsed CREATE_CHILD_SA request 0 [ N(REKEY_SA) SA No TSi TSr ]\n" +
      key("initiator", "11") + key("responder", "12") + child("0000000a_i 0000000b_o") +
      "01:01:56 14[ENC] <net|1> generating CREATE_CHILD_SA response 0 [ SA No TSi TSr ]\n" +
      "01:01:56 14[ENC] <net|1> parsed CREATE_CHILD_SA response 2 [ SA No TSi TSr ]\n" +
      key("initiator", "21") + key("responder", "22") + child("0000000c_i 0000000d_o"),
  ).get(1)!;
  const keys = [...esp].map(([spi, { encryption }]) => [Number(`0x${spi}`), encryption]);
  assert.deepEqual(keys, [[10, "11"], [11, "12"], [12, "22"], [13, "21"]]);
});

Deno.test("every secret of an IKE SA and of those that replace it is kept", () => {
  const secret = (octet: string) =>
    "01:01:56 14[IKE] <net|1> Sk_ei secret => 1 bytes @ 0x7f\n" +
    `01:01:56 14[IKE] <net|1>    0: ${octet}                                               .\n`;
  const sa = parseCharonLog(secret("0A") + secret("0B")).get(1)!;
  assert.deepEqual([...sa.everySecret], ["SK_ei 0a", "SK_ei 0b"]);
});

Deno.test("the list of SAs gives SPIs, states and selectors", () => {
  const [sa, ...more] = parseListedSas(
    `net: #3, ESTABLISHED, IKEv2, 6d560a2d5166ba91_i* 8dabe18df610470f_r
  local  'cl' @ 10.77.0.2[4500]
  remote 'gw' @ 10.77.0.1[4500]
  AES_GCM_16-128/PRF_HMAC_SHA2_256/CURVE_448
  established 0s ago, rekeying in 13242s
  net: #4, reqid 1, INSTALLED, TUNNEL, ESP:AES_GCM_16-128
    installed 0s ago, rekeying in 3304s, expires in 3960s
    in  cd95156e,      0 bytes,     0 packets
    out c1944550,      0 bytes,     0 packets
    local  10.79.0.1/32
    remote 10.78.0.1/32
`,
  );
  assert.equal(more.length, 0);
  assert.equal(sa!.id, 3);
  assert.equal(sa!.state, "ESTABLISHED");
  assert.equal(sa!.spiI, "6d560a2d5166ba91");
  assert.equal(sa!.spiR, "8dabe18df610470f");
  assert.deepEqual(sa!.children, [{
    name: "net",
    id: 4,
    state: "INSTALLED",
    spiIn: "cd95156e",
    spiOut: "c1944550",
    local: "10.79.0.1/32",
    remote: "10.78.0.1/32",
  }]);
});
