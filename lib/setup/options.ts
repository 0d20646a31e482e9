/**
 * Every option of a setup file outside `ikeconf`. Spellings are those of existing files.
 * @module
 */
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
  listenAddress,
  oneOf,
  pause,
  port,
  prefix,
  prefixOf,
  routeChange,
  text,
  threshold,
} from "@/setup/kinds.ts";
import { listOption, option } from "@/setup/option.ts";

const C = { role: "client" } as const;
const G = { role: "gateway" } as const;

/** Options at the top of the file. */
export const TOP = {
  role: option(oneOf("client", "gateway"), "client", "who initiates: the client"),
  desc: option(text, "", "shown at the start of the test"),
  runningtime: option(
    duration,
    "0s",
    "length of the test; 0: until it is stopped, or a client has no tunnel left to try",
  ),
  stoptimeout: option(
    pause,
    "10s",
    "how long the end waits for a new answer to its Deletes; at most 5 ms longer for each tunnel",
  ),
  numberoftunnels: option(
    int(1, 1_000_000),
    "10",
    "client: tunnels to create; gateway: tunnels expected",
  ),
  loglevel: option(
    int(1, 5),
    "2",
    "log file: 1 critical, 2 error, 3 warning, 4 info, 5 debug with decoded messages",
  ),
  logkeyword: option(text, "", "keep only log messages that contain it"),
  logfilesizecap: option(int(0), "1000", "MB; past it the file is renamed .prev; 0: no cap"),
  loginmem: option(bool, "false", "keep the log in memory, write it at the end"),
  abortonerr: option(
    bool,
    "false",
    "end the test at the first error: a tunnel whose last try failed, or that is lost",
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
  startclntaddr: option(prefix, "", "address of tunnel 0; one more for each following tunnel", C),
  mobike: option(bool, "false", "tunnels move from address to address (MOBIKE, RFC 4555)", {
    feature: "mobike",
  }),
  mobikeaddrpertunnel: option(int(1), "2", "own addresses of a tunnel", {
    ...C,
    feature: "mobike",
  }),
  mobikeaddrpergw: option(int(1), "2", "the gateway's own addresses: bindifaddr and following", {
    ...G,
    feature: "mobike",
  }),
  mobikeiplifetime: option(pause, "5m", "time before moving to the next address", {
    ...C,
    feature: "mobike",
  }),
  mobikechangeaddrtype: option(
    oneOf("own-only", "peer-only", "both"),
    "own-only",
    "which end of the path moves",
    { ...C, feature: "mobike" },
  ),
  peeraddr: option(
    addressOnLink,
    "",
    "the gateway; a link-local one is on the link of bindifname, and may name it (fe80::1%eth0)",
    C,
  ),
  bindifname: option(
    interfaceName,
    "",
    "interface that carries the tunnel addresses; it is flushed, unless --flush=false",
  ),
  bindifaddr: option(prefix, "", "gateway: its address; client: an extra one on the interface"),
  staticroute: option(
    routeChange,
    "",
    "one `ip route …` or `ip rule …` to run first, such as `ip route replace …`",
  ),
  setupinterval: option(
    duration,
    "100ms",
    "pause between two tunnel creations; 0s: as fast as the peer follows, few at a time at first",
    C,
  ),
  tunnelretryinterval: option(duration, "10s", "pause before retrying a tunnel", C),
  tunnelmaxretry: option(int(1), "3", "tries for one tunnel", C),
  maxhalfopen: option(
    int(0),
    "0",
    "tunnels on their way at a time, at most; 0: as many as the transport can hold",
    C,
  ),
  owntsaddrincrease: option(int(INT_MIN), "0", "step of own selectors from tunnel to tunnel", C),
  peertsaddrincrease: option(
    int(INT_MIN),
    "1",
    "step of the peer's selectors from tunnel to tunnel",
    C,
  ),
  ownport: option(port(true), "500", "own IKE port; 0: a free one"),
  peerport: option(port(false), "500", "the peer's IKE port", C),
  ownnattport: option(port(true), "4500", "own NAT-T port; 0: a free one"),
  peernattport: option(port(false), "4500", "the peer's NAT-T port", C),
  transport: option(
    oneOf("auto", "portable", "native"),
    "auto",
    "what carries datagrams; auto: native where the shim is there",
  ),
  cryptobackend: option(
    oneOf("auto", "portable", "native"),
    "auto",
    "what encrypts and signs; auto: native where the shim is there",
  ),
  apilistenaddr: option(listenAddress, "127.0.0.1", "address of the gRPC API"),
  apilistenport: option(port(true), "12330", "port of the gRPC API; 0: a free one"),
  apisecrets: option(
    oneOf("auto", "always", "never"),
    "auto",
    "keys in dumps: auto to root and the user who runs the test, on this host, and to clients with a certificate",
  ),
  apitlscert: option(text, "", "certificate of the API (PEM); TLS when set"),
  apitlskey: option(text, "", "its key (PEM)"),
  apitlsclientca: option(text, "", "CA of client certificates (PEM): callers need one"),
} as const;

/** `flapconf`. */
export const FLAP = {
  flapping: option(bool, "false", "tear down and rebuild tunnels for ever", C),
  numoftunnel: option(int(-1), "-1", "how many flap: the first so many; -1: all", C),
  minflapinterval: option(duration, "30s", "shortest pause between (from 10s on)", C),
  maxflapinterval: option(duration, "1m", "longest pause between", C),
} as const;

const POOLED = G;
const POOL_DOC = "pool, from this address to the prefix's end; empty: none";

/** `poolconf`. */
export const POOL = {
  v4startaddr: option(prefixOf(4), "", `IPv4 ${POOL_DOC}`, POOLED),
  v6startaddr: option(prefixOf(6), "", `IPv6 ${POOL_DOC}`, POOLED),
  v4dnslist: listOption(addressOf(4), [], "IPv4 DNS servers handed out", POOLED),
  v6dnslist: listOption(addressOf(6), [], "IPv6 DNS servers handed out", POOLED),
} as const;

/** `pingconf`. */
export const PINGCONF = {
  autoaddr: option(bool, "false", "addresses from the negotiated selectors: the first of each"),
  ptype: option(oneOf("icmp", "udp"), "icmp", "udp needs echosvr at the far end"),
  udpport: option(port(false), "9922", "source and destination port"),
  assignsrc: option(bool, "false", "add the source address to virtualipif"),
  destaddr: option(address, "", "destination of tunnel 0; empty: no ping"),
  deststep: option(int(INT_MIN), "1", "its step from tunnel to tunnel"),
  srcaddr: option(address, "", "source of tunnel 0; empty: the system's choice"),
  srcstep: option(int(INT_MIN), "1", "its step from tunnel to tunnel"),
  interval: option(pause, "1s", "between two echo requests of a task"),
  setupinterval: option(duration, "10ms", "between starting two tasks"),
  pktlen: option(int(0, 65_000), "64", "payload bytes; of udp 10 at least"),
  maxlossrate: option(float(0, 100), "10", "percent; above it an error event"),
  holdtime: option(duration, "10s", "wait after all tunnels are up (gateway: after it is ready)"),
  startwith: option(
    oneOf("tunnels", "tunnel"),
    "tunnels",
    "tunnels: after holdtime; tunnel: each task at once with its tunnel",
  ),
} as const;

/** `impairment`, without its rules. */
export const IMPAIRMENT = {
  seed: option(int(0, 4_294_967_295), "1", "the same seed draws the same chances"),
} as const;

const chance = float(0, 1);

/** An entry of `impairment.rules`: what happens to the IKE messages it is about. */
export const IMPAIRMENT_RULE = {
  direction: option(oneOf("both", "in", "out"), "both", "messages that come, go, or both"),
  exchange: option(
    oneOf("any", "ike_sa_init", "ike_auth", "create_child_sa", "informational"),
    "any",
    "messages of this exchange",
  ),
  message: option(oneOf("any", "request", "response"), "any", "requests, responses, or both"),
  skip: option(int(0), "0", "so many of these messages are left alone first"),
  count: option(int(0), "0", "then the rule is about so many; 0: all"),
  loss: option(chance, "0", "probability that a message is lost"),
  duplication: option(chance, "0", "probability that it comes twice"),
  reorder: option(chance, "0", "probability that the next message passes it"),
  reorderwait: option(pause, "100ms", "how long it waits to be passed"),
  delay: option(chance, "0", "probability that it is late"),
  delaymin: option(duration, "10ms", "by so long at least"),
  delaymax: option(duration, "100ms", "and so long at most"),
  replay: option(chance, "0", "probability that it comes once more, later"),
  replayafter: option(pause, "1s", "so much later"),
  corruption: option(chance, "0", "probability that one to eight of its bits are turned round"),
  corruptionplace: option(
    oneOf("any", "spi", "header", "body"),
    "any",
    "where: in the SPIs, the rest of the IKE header, behind it, or anywhere",
  ),
  crossing: option(
    duration,
    "0s",
    "hold it so long at most, until its like of the same IKE SA sets out from the other end: " +
      "they cross; 0: no",
  ),
  crossingwith: option(
    oneOf("same", "ike_auth", "create_child_sa", "informational"),
    "same",
    "exchange of the one it is to cross",
  ),
} as const;
