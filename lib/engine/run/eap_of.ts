/**
 * Opens the EAP conversations of a checked setup: methods of our own, `eapol_test`, a captured login, or a
 * RADIUS server.
 * @module
 */
import { showAddress } from "@/base/address.ts";
import { fromHex } from "@/base/bytes.ts";
import { CaptureError } from "@/base/capture_error.ts";
import { readDatagrams } from "@/base/capture_reader.ts";
import { must, SetupError, systemWords } from "@/base/errors.ts";
import type { RandomOctets } from "@/base/random.ts";
import type { EapEnvironment, InnerMethod } from "@/eap/method.ts";
import { openEapPeer } from "@/eap/peer.ts";
import { type CapturedLogin, capturedLogin } from "@/eap/radius/capture.ts";
import { openReplayPeer, ReplayServer } from "@/eap/radius/replay.ts";
import { openEapServer } from "@/eap/server.ts";
import { newSimCard, type SimCard } from "@/eap/sim/card.ts";
import { SimRegister } from "@/eap/sim/register.ts";
import type { TlsEngine, TlsSettings } from "@/eap/tls/engine.ts";
import { type EapUser, EapUsers } from "@/eap/users.ts";
import type { CertificateFiles } from "@/engine/run/certificate_files.ts";
import { readTriplets } from "@/engine/run/triplet_files.ts";
import { spiOctets } from "@/ike/negotiate/keymat.ts";
import type { EapPeerAuth, EapServerAuth } from "@/ike/records/config.ts";
import { encodePem } from "@/pki/pem.ts";
import { RadiusClient } from "@/radius/client.ts";
import { EapolTest, identityInConf } from "@/radius/eapol_test.ts";
import type { RadiusAddress } from "@/radius/sockets.ts";
import { RadiusServer } from "@/radius/server.ts";
import { ownMethods, peerMethods } from "@/setup/auth_methods.ts";
import type { IkeConf, Setup } from "@/setup/setup.ts";

/** EAP of one end. */
export interface EapEnd {
  readonly own?: EapPeerAuth;
  readonly peer?: EapServerAuth;
  /** The identity for the keywords `eapol-test-conf` and `eapusepcap` of `myid`; `&d` is the tunnel. */
  readonly identity?: string;
  /** Ends processes, sockets and conversations. */
  close(): Promise<void>;
}

/** What conversations need. */
export interface EapMeans {
  readonly random: RandomOctets;
  /** The TLS engine; undefined if the C shim is missing, so that TLS, TTLS and PEAP are refused by name. */
  readonly tls: TlsEngine | undefined;
  readonly certificates: CertificateFiles;
  /** Is called with messages of a relay. */
  readonly note: (words: string) => void;
}

/** The name of this end in MD5 and MSCHAPv2, and in RADIUS. */
const OWN_NAME = "myikev2";

/**
 * Opens EAP if the setup uses it; undefined: it does not. @throws {SetupError} if a file, a program or a
 * socket cannot be used.
 */
export function openEap(setup: Setup, means: EapMeans): EapEnd | undefined {
  const { eapmethod } = setup.ikeconf;
  if (ownMethods(setup.ikeconf).includes("eap")) {
    if (eapmethod.length > 0) return ownPeer(setup.ikeconf, means);
    return setup.ikeconf.eapimplementaion === "eap-snoop"
      ? snoop(setup.ikeconf)
      : replayed(setup.ikeconf, means);
  }
  if (!peerMethods(setup.ikeconf).includes("eap")) return undefined;
  return eapmethod.length > 0 ? ownServer(setup.ikeconf, means) : relayed(setup.ikeconf, means);
}

/** The end of EAP that has opened nothing. */
const nothingToClose = () => Promise.resolve();

function ownPeer(ikeconf: IkeConf, means: EapMeans): EapEnd {
  const { eapmethod: methods, eappassword, eapinner } = ikeconf;
  const env = environment(means);
  // The state of a card outlives a conversation.
  const cards = new Map<number, SimCard>();
  const tls = new Map<number, TlsSettings>();
  const second = ikeconf.authownmethod === "eap" ? "" : ikeconf.myid2;
  const identity = ikeconf.eapidentity || second || ikeconf.myid;
  const open = (tunnel: number) => {
    const sim = ikeconf.eapsimk === ""
      ? undefined
      : kept(cards, tunnel, () => cardOf(ikeconf, tunnel));
    return openEapPeer({
      identity: numbered(identity, tunnel),
      methods,
      password: numbered(eappassword, tunnel) || undefined,
      sim,
      tls: kept(tls, tunnel, () => tlsSettings(ikeconf, means, tunnel)),
      inner: eapinner as InnerMethod,
    }, env);
  };
  return { own: { kind: "eap", open }, close: nothingToClose };
}

function ownServer(ikeconf: IkeConf, means: EapMeans): EapEnd {
  const users = new EapUsers(usersOf(ikeconf.eapusers));
  const env = environment(means);
  const settings = {
    methods: ikeconf.eapmethod,
    users,
    tls: tlsSettings(ikeconf, means, 0),
    register: new SimRegister(),
    name: OWN_NAME,
  };
  const peer: EapServerAuth = {
    kind: "eap",
    open: () => openEapServer(settings, env),
    asksIdentity: ikeconf.eapaskidentity,
  };
  return { peer, close: nothingToClose };
}

function usersOf(users: IkeConf["eapusers"]): EapUser[] {
  const triplets = readTriplets(users);
  return users.map((user, i) => ({ ...userOf(user), triplets: triplets[i] }));
}

function userOf(user: IkeConf["eapusers"][number]): EapUser {
  const { identity, password, methods, simk, simopc, simsqn } = user;
  return {
    identity,
    ...(methods.length > 0 ? { methods } : {}),
    ...(password === "" ? {} : { password }),
    ...(simk === "" ? {} : {
      sim: { k: hex(simk, 0, 32), opc: hex(simopc, 0, 32), sqn: sqnOf(simsqn, 0) },
    }),
  };
}

function cardOf({ eapsimk, eapsimopc, eapsimsqn }: IkeConf, tunnel: number): SimCard {
  const keys = { k: hex(eapsimk, tunnel, 32), opc: hex(eapsimopc, tunnel, 32) };
  return newSimCard(keys, sqnOf(eapsimsqn, tunnel));
}

function environment({ random, tls }: EapMeans): EapEnvironment {
  return { random, tls };
}

/** The credential of a tunnel and the trusted certificates, in the form of the TLS engine. */
function tlsSettings(
  { eaptlsversion }: IkeConf,
  { certificates: { credentials, authorities } }: EapMeans,
  tunnel: number,
): TlsSettings {
  const own = credentials[tunnel] ?? credentials.at(-1);
  const pem = (der: Uint8Array) => encodePem({ label: "CERTIFICATE", der });
  return {
    anchors: authorities.map(({ certificate }) => pem(certificate.der)).join(""),
    certificate: own ? pem(own.certificate.der) : "",
    key: own ? encodePem({ label: "PRIVATE KEY", der: own.privateKey.pkcs8 }) : "",
    versionMax: eaptlsversion === "1.2" ? 0x0303 : 0x0304,
  };
}

function snoop({ eapoltestconf, eapoltestpath }: IkeConf): EapEnd {
  const logins = new EapolTest({ program: eapoltestpath || "eapol_test" });
  const identity = identityInConf(eapoltestconf);
  const open = (tunnel: number) => logins.open(numbered(eapoltestconf, tunnel));
  return {
    own: { kind: "eap", open },
    ...(identity === undefined ? {} : { identity }),
    close: () => logins.close(),
  };
}

function replayed(ikeconf: IkeConf, { random, note }: EapMeans): EapEnd {
  const { eapfile, eapradiusss, eapradiussvr, eapradiusid } = ikeconf;
  const secret = new TextEncoder().encode(eapradiusss);
  const login = readLogin(eapfile, secret);
  const settings = { secret, sessionAttribute: eapradiusid, random };
  const [where] = serversOf(eapradiussvr);
  must(where !== undefined, "eap-file has an address for its RADIUS server");
  const noted = (words: string, from: string) => note(`RADIUS request of ${from}: ${words}`);
  const server = new RadiusServer(where, new ReplayServer(login, settings), noted);
  return {
    own: { kind: "eap", open: () => openReplayPeer(login) },
    identity: login.userName,
    close: () => server.close(),
  };
}

function readLogin(path: string, secret: Uint8Array): CapturedLogin {
  try {
    return capturedLogin(readDatagrams(Deno.readFileSync(path)), secret);
  } catch (e) {
    if (e instanceof CaptureError) throw new SetupError(`ikeconf.eapfile: ${path}: ${e.message}`);
    throw new SetupError(`ikeconf.eapfile: Cannot read ${path}: ${systemWords(e)}`);
  }
}

function relayed(ikeconf: IkeConf, { random }: EapMeans): EapEnd {
  const { eapradiussvr, eapradiusss, eapradiusid, eapsendstart, eapaskidentity } = ikeconf;
  const client = new RadiusClient({
    servers: serversOf(eapradiussvr),
    secret: new TextEncoder().encode(eapradiusss),
    nasIdentifier: OWN_NAME,
    random,
    sendStart: eapsendstart,
  });
  const open: EapServerAuth["open"] = ({ spi }) =>
    client.open([{ type: eapradiusid, value: spiOctets(spi) }]);
  return { peer: { kind: "eap", open, asksIdentity: eapaskidentity }, close: () => client.close() };
}

function serversOf(servers: IkeConf["eapradiussvr"]): RadiusAddress[] {
  return servers.filter((server) => server !== undefined).map(({ address, port }) => (
    { hostname: showAddress(address), port }
  ));
}

function kept<T>(map: Map<number, T>, tunnel: number, make: () => T): T {
  const known = map.get(tunnel);
  if (known) return known;
  const made = make();
  map.set(tunnel, made);
  return made;
}

function numbered(text: string, tunnel: number): string {
  return text.replaceAll("&d", String(tunnel));
}

/** Octets of so many hex digits; `&d` is the tunnel in hex, with zeros before it. */
function hex(text: string, tunnel: number, digits: number): Uint8Array {
  const [before = "", after = ""] = text.split("&d");
  const middle = text.includes("&d")
    ? tunnel.toString(16).padStart(digits - before.length - after.length, "0")
    : "";
  const octets = fromHex((before + middle + after).padStart(digits, "0"));
  must(octets !== undefined, "the setup was checked for hex digits");
  return octets;
}

function sqnOf(text: string, tunnel: number): bigint {
  return hex(text, tunnel, 12).reduce((sum, octet) => sum << 8n | BigInt(octet), 0n);
}
