/**
 * Every option of an entry of `ikeconf.childlist` and of its selectors. Spellings are those of existing files.
 * @module
 */
import { ADDITIONAL_METHODS, ESP_ENCRYPTION, GROUPS, INTEGRITY } from "@/setup/algorithms.ts";
import { bool, duration, int, keyword, oneOf, text } from "@/setup/kinds.ts";
import { listOption, option } from "@/setup/option.ts";

/** ADDKE transforms of CHILD_SAs. */
function pfsAdditional(n: number) {
  const doc = `methods of the additional key exchange ${n} after that one, as in addke${n}`;
  return listOption(keyword(ADDITIONAL_METHODS), [], doc);
}

/** An entry of `ikeconf.childlist`, without its selectors. */
export const CHILD = {
  tunnelmode: option(
    bool,
    "true",
    "true: tunnel mode; false: transport mode, and no other mode is accepted",
  ),
  tfc: option(
    bool,
    "true",
    "accept TFC padding; false: the peer is notified that it is not accepted (ESP only)",
  ),
  ipcomp: option(bool, "false", "offer and accept IPComp with DEFLATE (RFC 3173)"),
  iptfs: option(
    oneOf("never", "allow", "force"),
    "never",
    "aggregate and fragment packets in ESP (IP-TFS, RFC 9347) where both ends want it; force: in no other way",
  ),
  iptfsfragments: option(
    bool,
    "true",
    "take packets in fragments; false: the peer is told not to",
    {
      feature: "iptfs",
    },
  ),
  iptfssize: option(
    int(0, 65_000),
    "0",
    "octets of sent payloads, from 64 on (datapath: kernel: of the outer IP packets); 0: as many as the path MTU allows, in TCP about 1400",
    { feature: "iptfs" },
  ),
  iptfsrate: option(
    int(0, 10_000),
    "0",
    "payloads in a second, with or without packets in them (datapath: userland); 0: as there are packets",
    { feature: "iptfs" },
  ),
  resourcesas: option(
    int(0, 64),
    "0",
    "CHILD_SAs of the same selectors beside the first, for a resource each (RFC 9611): asked for by clients, the most of gateways; packets leave by the newest",
  ),
  integrityalg: listOption(
    keyword(INTEGRITY),
    ["sha256"],
    "ESP or AH integrity; AEAD ciphers need none",
    { mayBeEmpty: true },
  ),
  encalg: listOption(
    keyword(ESP_ENCRYPTION),
    ["aes-cbc:128"],
    "ESP encryption; null is the NULL cipher",
    { namesNull: true },
  ),
  protocol: option(
    oneOf("esp", "ah"),
    "esp",
    "IPsec protocol; ah has integrity only (RFC 4302)",
  ),
  lifetime: option(duration, "5m", "lifetime of the CHILD_SA"),
  esn: option(
    bool,
    "false",
    "true: only extended sequence numbers; false: only 32-bit sequence numbers",
  ),
  pfsenabled: option(bool, "false", "rekey with a key exchange (perfect forward secrecy)"),
  pfsgrpid: listOption(keyword(GROUPS), ["14"], "key exchange methods of such rekeys"),
  pfsaddke1: pfsAdditional(1),
  pfsaddke2: pfsAdditional(2),
  pfsaddke3: pfsAdditional(3),
  pfsaddke4: pfsAdditional(4),
  pfsaddke5: pfsAdditional(5),
  pfsaddke6: pfsAdditional(6),
  pfsaddke7: pfsAdditional(7),
  replaywindowsize: option(
    int(0, 65_536),
    "256",
    "size of the replay window, in packets",
  ),
  useprovisionedtsforrekey: option(
    bool,
    "false",
    "propose the configured selectors in rekeys, instead of the negotiated ones",
  ),
} as const;

/** An entry of `ownts` or `peerts`; addresses and type follow from each other. */
export const SELECTOR = {
  type: option(
    oneOf("", "v4", "v6"),
    "",
    "v4 or v6; absent: the family of the addresses, or v4 without addresses",
  ),
  protocol: option(int(0, 255), "0", "IP protocol; 0: any"),
  startport: option(int(0, 65_535), "0", "first port"),
  endport: option(int(0, 65_535), "65535", "last port"),
  startaddr: option(text, "", "first address; absent: 0.0.0.0 or ::"),
  endaddr: option(text, "", "last address; absent: the last address of the family"),
} as const;
