/**
 * Rows about attributes of the configuration payload beside addresses (RFC 7651, RFC 8598): strongSwan
 * hands out any attribute by its number, libreswan 5 domains of split DNS.
 * @module
 */
import { connection, ourClient, ourGateway, swanctl } from "./ends.ts";
import { LIBRESWAN_5 } from "./libreswan.ts";
import { conn, type LibreswanRow } from "./libreswan_row.ts";
import type { Setup } from "./ours.ts";
import type { Row } from "./row.ts";
import { STRONGSWAN_6 } from "./strongswan.ts";
import { MODERN } from "./suites.ts";

/** Selectors for any address, which the assigned address narrows. */
const OPEN: Setup = { childlist: [{ encalg: ["aes-gcm-16:128"] }] };
const POOL =
  'pools {\n  inner {\n    addrs = 10.60.0.7\n    dns = 10.60.0.1\n    20 = 10.3.0.1\n    25 = "corp.example"\n  }\n}\n';

/** Rows with strongSwan. */
export const CONFIGURATION_ROWS: readonly Row[] = [
  {
    name: "attributes of strongSwan's pool, P-CSCF and a domain",
    strongSwan: STRONGSWAN_6,
    direction: "ours → strongSwan",
    setup: ourClient({
      loglevel: 4,
      ikeconf: {
        ...OPEN,
        ratunnel: true,
        cfgattributes: ["P_CSCF_IP4_ADDRESS", "INTERNAL_DNS_DOMAIN"],
      },
    }, MODERN),
    swanctl: swanctl(connection({
      suite: MODERN,
      remoteTs: "dynamic",
      extra: "mobike = no\n    pools = inner",
    })) + POOL,
    check: async (run) => {
      await run.established(1);
      await run.ours.logs(/P_CSCF_IP4_ADDRESS 10\.3\.0\.1/);
      await run.ours.logs(/INTERNAL_DNS_DOMAIN "corp\.example"/);
      await run.wholeLife();
    },
  },
];

/** Rows with libreswan. */
export const LIBRESWAN_CONFIGURATION_ROWS: readonly LibreswanRow[] = [
  {
    name: "attributes of libreswan's pool, a domain",
    libreswan: LIBRESWAN_5,
    direction: "ours → libreswan",
    setup: ourClient({
      loglevel: 4,
      ikeconf: { ...OPEN, ratunnel: true, cfgattributes: ["INTERNAL_DNS_DOMAIN"] },
    }, MODERN),
    conf: conn({
      suite: MODERN,
      remoteTs: "",
      extra: [
        "rightaddresspool=10.60.0.7-10.60.0.9",
        "leftmodecfgserver=yes",
        "rightmodecfgclient=yes",
        "modecfgdns=10.60.0.1",
        "modecfgdomains=corp.example",
      ],
    }),
    check: async (run) => {
      await run.ours.logs(/INTERNAL_DNS_DOMAIN "corp\.example"/);
      // An instance of a connection, as libreswan makes one for each address, is not in its list of states.
      await run.sameKeys();
    },
  },
  {
    name: "attributes of our pool, a domain",
    libreswan: LIBRESWAN_5,
    direction: "libreswan → ours",
    setup: ourGateway({
      loglevel: 4,
      poolconf: { v4startaddr: "10.50.0.9/24", v4dnslist: ["10.50.0.1"] },
      ikeconf: { ...OPEN, cfgattributes: ["INTERNAL_DNS_DOMAIN=corp.example", "20=10.3.0.1"] },
    }, MODERN),
    conf: conn({
      suite: MODERN,
      localTs: "0.0.0.0/0",
      extra: ["leftmodecfgclient=yes", "rightmodecfgserver=yes", "narrowing=yes"],
    }),
    check: async (run) => {
      await run.pluto.initiate("net");
      await run.ours.logs(/INTERNAL_DNS_DOMAIN "corp\.example"/);
      await run.peerLogs(/corp\.example/);
      // An instance of a connection, as libreswan makes one for each address, is not in its list of states.
      await run.sameKeys();
    },
  },
];
