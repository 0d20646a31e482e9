/**
 * Every option of a setup file outside `ikeconf`. Spellings are those of existing files.
 * @module
 */
import { SHARDS_MAX } from "@/base/shard.ts";
import {
  address,
  addressOf,
  addressOnLink,
  bool,
  duration,
  float,
  int,
  INT_MIN,
  interfaceName,
  intOr,
  listenAddress,
  oneOf,
  packetSize,
  pause,
  port,
  prefix,
  prefixOf,
  routeChange,
  text,
  threshold,
  trafficRate,
} from "@/setup/kinds.ts";
import { listOption, option } from "@/setup/option.ts";

const C = { role: "client" } as const;
const G = { role: "gateway" } as const;

/** Options at the top of the file. */
export const TOP = {
  role: option(
    oneOf("client", "gateway"),
    "client",
    "the client initiates the tunnels, the gateway responds",
  ),
  desc: option(text, "", "description, shown at the start of the test"),
  runningtime: option(
    duration,
    "0s",
    "length of the test; 0: it runs until it is stopped, or until a client has no tunnel left to set up",
  ),
  stoptimeout: option(
    pause,
    "10s",
    "how long the end waits for a new answer to its Deletes; at most 5 ms longer for each tunnel",
  ),
  numberoftunnels: option(
    int(1, 1_000_000),
    "10",
    "number of tunnels that a client creates, or that a gateway expects",
  ),
  loglevel: option(
    int(1, 5),
    "2",
    "level of the log file: 1 critical, 2 error, 3 warning, 4 info, 5 debug with decoded messages",
  ),
  logkeyword: option(text, "", "log only messages that contain this text"),
  logfilesizecap: option(
    int(0),
    "1000",
    "size in MB at which the log file is renamed to .prev and begun anew; 0: no limit",
  ),
  loginmem: option(bool, "false", "keep the log in memory, write it at the end"),
  abortonerr: option(
    bool,
    "false",
    "end the test at the first error: a tunnel that fails in its last attempt, or that is lost",
  ),
  thresholds: listOption(
    threshold,
    [],
    "what figures have to be for the test to pass, each with its verdict in the result",
  ),
  abortonfail: option(
    bool,
    "false",
    "end the test as soon as a threshold with < or <= is broken; a percentile from 100 samples on",
  ),
  startclntaddr: option(
    prefix,
    "",
    "address of tunnel 0; each further tunnel has the next address",
    C,
  ),
  mobike: option(bool, "false", "tunnels move from address to address (MOBIKE, RFC 4555)", {
    feature: "mobike",
  }),
  mobikeaddrpertunnel: option(int(1), "2", "number of own addresses of a tunnel", {
    ...C,
    feature: "mobike",
  }),
  mobikeaddrpergw: option(
    int(1),
    "2",
    "number of the gateway's addresses: bindifaddr and those that follow",
    {
      ...G,
      feature: "mobike",
    },
  ),
  mobikeotheraddr: option(
    prefix,
    "",
    "first address of the other family (IPv4 or IPv6), of tunnel 0 or of the gateway, from which there are as " +
      "many as of the first family; empty: none",
    { feature: "mobike" },
  ),
  mobikeiplifetime: option(pause, "5m", "time until a tunnel moves to its next address", {
    ...C,
    feature: "mobike",
  }),
  mobikechangeaddrtype: option(
    oneOf("own-only", "peer-only", "both"),
    "own-only",
    "which end of the path gets another address",
    { ...C, feature: "mobike" },
  ),
  peeraddr: option(
    addressOnLink,
    "",
    "address of the gateway; a link-local address is on the link of bindifname, and may name it (fe80::1%eth0)",
    C,
  ),
  bindifname: option(
    interfaceName,
    "",
    "interface that carries the tunnel addresses; it is flushed, unless --flush=false",
  ),
  bindifaddr: option(
    prefix,
    "",
    "address of a gateway; an additional address on the interface of a client",
  ),
  staticroute: option(
    routeChange,
    "",
    "one command `ip route …` or `ip rule …` that runs first, such as `ip route replace …`",
  ),
  setupinterval: option(
    duration,
    "100ms",
    "pause between two tunnel creations; 0s: as fast as the peer follows, few at a time at first",
    C,
  ),
  warmup: option(
    bool,
    "true",
    "set up tunnels in memory first, 2.5 s at most, if 500 or more begin at once, so that the first ones do not measure this program",
  ),
  shards: option(
    intOr("auto", 1, SHARDS_MAX),
    "1",
    "threads that share the tunnels, each on a core of its own; auto: one for each core, if there are 10,000 tunnels or more and nothing keeps the test to one thread",
  ),
  tunnelretryinterval: option(duration, "10s", "pause before a failed tunnel is tried again", C),
  tunnelmaxretry: option(int(1), "3", "number of attempts to set up one tunnel", C),
  maxhalfopen: option(
    int(0),
    "0",
    "tunnels on their way at a time, at most; 0: as many as the transport can hold",
    C,
  ),
  owntsaddrincrease: option(
    int(INT_MIN),
    "0",
    "difference between the own selectors of two successive tunnels",
    C,
  ),
  peertsaddrincrease: option(
    int(INT_MIN),
    "1",
    "difference between the peer's selectors of two successive tunnels",
    C,
  ),
  ownport: option(port(true), "500", "own IKE port; 0: any free port"),
  peerport: option(port(false), "500", "the peer's IKE port", C),
  ownnattport: option(port(true), "4500", "own NAT-T port; 0: any free port"),
  peernattport: option(port(false), "4500", "the peer's NAT-T port", C),
  transport: option(
    oneOf("auto", "portable", "native"),
    "auto",
    "transport of datagrams; auto: native if the shim is available",
  ),
  cryptobackend: option(
    oneOf("auto", "portable", "native"),
    "auto",
    "implementation of cryptography; auto: native if the shim is available",
  ),
  apilistenaddr: option(listenAddress, "127.0.0.1", "address of the gRPC API"),
  apilistenport: option(port(true), "12330", "port of the gRPC API; 0: any free port"),
  apisecrets: option(
    oneOf("auto", "always", "never"),
    "auto",
    "who sees keys in dumps; auto: root and the user who runs the test, on this host, and clients with a certificate",
  ),
  apitlscert: option(text, "", "certificate of the API (PEM); enables TLS"),
  apitlskey: option(text, "", "private key of apitlscert (PEM)"),
  apitlsclientca: option(text, "", "CA of client certificates (PEM), which are then required"),
} as const;

/** `flapconf`. */
export const FLAP = {
  flapping: option(bool, "false", "close and set up tunnels again, until the test ends", C),
  numoftunnel: option(int(-1), "-1", "number of tunnels that flap, from tunnel 0 on; -1: all", C),
  minflapinterval: option(
    duration,
    "30s",
    "shortest pause between two flaps of a tunnel, at least 10s",
    C,
  ),
  maxflapinterval: option(duration, "1m", "longest pause between two flaps of a tunnel", C),
  flapresume: option(
    bool,
    "false",
    "drop a flapping tunnel without a Delete, and resume it by its ticket; needs resume: allow",
    C,
  ),
} as const;

const POOLED = G;
const POOL_DOC = "address pool, from this address to the end of its prefix; empty: none";

/** `poolconf`. */
export const POOL = {
  v4startaddr: option(prefixOf(4), "", `IPv4 ${POOL_DOC}`, POOLED),
  v6startaddr: option(prefixOf(6), "", `IPv6 ${POOL_DOC}`, POOLED),
  v4dnslist: listOption(addressOf(4), [], "IPv4 DNS servers that clients are given", POOLED),
  v6dnslist: listOption(addressOf(6), [], "IPv6 DNS servers that clients are given", POOLED),
} as const;

/** `pingconf`. */
export const PINGCONF = {
  autoaddr: option(
    bool,
    "false",
    "take source and destination from the negotiated selectors: the first address of each",
  ),
  ptype: option(oneOf("icmp", "udp"), "icmp", "kind of ping; udp needs echosvr at the other end"),
  udpport: option(port(false), "9922", "source and destination port of udp pings"),
  assignsrc: option(bool, "false", "add the source address to virtualipif"),
  destaddr: option(address, "", "destination of the pings of tunnel 0; empty: no pings"),
  deststep: option(
    int(INT_MIN),
    "1",
    "difference between the destinations of two successive tunnels",
  ),
  srcaddr: option(address, "", "source of the pings of tunnel 0; empty: the system chooses"),
  srcstep: option(int(INT_MIN), "1", "difference between the sources of two successive tunnels"),
  interval: option(pause, "1s", "interval between two echo requests of a task"),
  setupinterval: option(duration, "10ms", "interval between the starts of two tasks"),
  pktlen: option(int(0, 65_000), "64", "payload octets of a ping; at least 10 for udp"),
  maxlossrate: option(
    float(0, 100),
    "10",
    "percentage of lost pings above which an error is logged and a client fails",
  ),
  holdtime: option(
    duration,
    "10s",
    "pause before pings begin, after all tunnels are established (gateway: after it is ready)",
  ),
  startwith: option(
    oneOf("tunnels", "tunnel"),
    "tunnels",
    "when pings begin; tunnels: after holdtime; tunnel: each task as soon as its tunnel is established",
  ),
} as const;

/** Octets of the smallest and the largest packet of traffic, with the headers of IP and UDP. */
export const PACKET_OCTETS = { min: 72, max: 9_000 } as const;

/** `trafficconf`. */
export const TRAFFICCONF = {
  rate: option(
    trafficRate,
    "",
    "packets or bits (of inner packets) a second, such as 100/s or 10Mbit/s; empty: this end sends none by itself",
  ),
  ratefor: option(
    oneOf("tunnel", "total"),
    "tunnel",
    "whether rate is that of each tunnel, or of all together",
  ),
  size: listOption(
    packetSize(PACKET_OCTETS.min, PACKET_OCTETS.max),
    ["512"],
    "octets of a packet with its IP header, or several in turn; imix: 7 of 72, 4 of 576, 1 of 1400 (the simple IMIX has 40, 576, 1500)",
  ),
  direction: option(
    oneOf("both", "out", "in"),
    "both",
    "both: the other end (or echosvr there) returns packets; out: it does not; in: this end sends none, counts what comes, returns what asks for it",
  ),
  port: option(port(false), "9922", "UDP port of both ends"),
  destaddr: option(
    address,
    "",
    "inner destination of tunnel 0; empty: the first address of each tunnel's remote selector",
  ),
  deststep: option(
    int(INT_MIN),
    "1",
    "difference between the destinations of two successive tunnels",
  ),
  srcaddr: option(
    address,
    "",
    "inner source of tunnel 0; empty: the assigned address, or the first of each tunnel's own selector",
  ),
  srcstep: option(int(INT_MIN), "1", "difference between the sources of two successive tunnels"),
  assignsrc: option(bool, "false", "add the source addresses to virtualipif"),
  duration: option(duration, "0s", "how long it is sent; 0: until the test ends"),
  startwith: option(
    oneOf("tunnels", "tunnel"),
    "tunnels",
    "when it begins; tunnels: after the last tunnel (gateway: with each); tunnel: as soon as its own is established",
  ),
  maxlossrate: option(
    float(0, 100),
    "10",
    "percentage of packets that do not come back above which a client fails",
  ),
} as const;

/** `impairment`, without its rules. */
export const IMPAIRMENT = {
  seed: option(
    int(0, 4_294_967_295),
    "1",
    "seed of all random choices; the same seed makes the same choices",
  ),
} as const;

const chance = float(0, 1);

/** An entry of `impairment.rules`: what is done to certain IKE messages. */
export const IMPAIRMENT_RULE = {
  direction: option(
    oneOf("both", "in", "out"),
    "both",
    "which messages the rule is about: received, sent, or both",
  ),
  exchange: option(
    oneOf("any", "ike_sa_init", "ike_auth", "create_child_sa", "informational"),
    "any",
    "the exchange whose messages the rule is about",
  ),
  message: option(
    oneOf("any", "request", "response"),
    "any",
    "whether the rule is about requests, responses, or both",
  ),
  skip: option(int(0), "0", "number of these messages that are not changed first"),
  count: option(int(0), "0", "number of messages after these that the rule is about; 0: all"),
  loss: option(chance, "0", "probability that a message is lost"),
  duplication: option(chance, "0", "probability that a message is duplicated"),
  reorder: option(chance, "0", "probability that a message is overtaken by the next one"),
  reorderwait: option(pause, "100ms", "longest time that it waits for the next message"),
  delay: option(chance, "0", "probability that a message is delayed"),
  delaymin: option(duration, "10ms", "shortest delay"),
  delaymax: option(duration, "100ms", "longest delay"),
  replay: option(chance, "0", "probability that a message is repeated later"),
  replayafter: option(pause, "1s", "time after which it is repeated"),
  corruption: option(chance, "0", "probability that one to eight bits of a message are inverted"),
  corruptionplace: option(
    oneOf("any", "spi", "header", "body"),
    "any",
    "where bits are inverted: in the SPIs, in the rest of the IKE header, after the header, or anywhere",
  ),
  crossing: option(
    duration,
    "0s",
    "longest time that a message is held until the other end sends such a message of the same IKE SA, " +
      "so that both cross; 0: it is not held",
  ),
  crossingwith: option(
    oneOf("same", "ike_auth", "create_child_sa", "informational"),
    "same",
    "exchange of the message that it is to cross",
  ),
} as const;
