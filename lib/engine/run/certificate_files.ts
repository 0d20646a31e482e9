/**
 * The certificates and keys of a setup: the files of `cadir` and `eedir`, read and checked before anything is
 * sent.
 * @module
 */
import type { SetupPosition } from "@/base/errors.ts";
import type { CryptoBackend } from "@/crypto/backend.ts";
import { type Issuing, readIssuing } from "@/engine/run/issuing_of.ts";
import { pairFault } from "@/engine/run/key_pair.ts";
import { Directory, namesOfData, readAll } from "@/engine/run/option_directory.ts";
import { type PeerRawKeys, readPeerRawKeys, readRawKeys } from "@/engine/run/raw_key_files.ts";
import type { SigningKeyPair } from "@/crypto/signature.ts";
import { readPskFile } from "@/engine/run/psk_of.ts";
import type { Credential } from "@/ike/records/config.ts";
import { type Certificate, readCertificates } from "@/pki/certificate.ts";
import { type Crl, readCrls } from "@/pki/crl.ts";
import { type OcspResponse, readOcspResponses } from "@/pki/ocsp.ts";
import { readPrivateKey } from "@/pki/private_key.ts";
import { trustsRawKeys } from "@/setup/check_certificates.ts";
import { everyOwnMethod, everyPeerMethod, isSignature } from "@/setup/auth_methods.ts";
import { BY_TLS } from "@/setup/check_eap.ts";
import { CERTIFICATE_IDENTITIES } from "@/setup/ike_options.ts";
import type { Setup } from "@/setup/setup.ts";

/** A certificate of an authority, with the name of its file. */
export interface Authority {
  readonly file: string;
  readonly certificate: Certificate;
}

/** The content of the directories of a setup; empty if the setup does not need it. */
export interface CertificateFiles {
  /** End-entity pairs in the order of their names: one for each tunnel of a client, one of a gateway. */
  readonly credentials: readonly Credential[];
  /**
   * The authority that issues certificates of this end while the test runs (`issuercert`); undefined: there
   * is none.
   */
  readonly issuing: Issuing | undefined;
  /** Keys of this end that are sent without certificates, in the order of their names (`rawkey`). */
  readonly rawKeys: readonly SigningKeyPair[];
  /** Files in which certificates are looked up by their SHA-1 (`certlookupdir`). */
  readonly lookupFiles: readonly Uint8Array[];
  /** Public keys that are trusted without certificates (`peerrawkey`, `peerrawkeyfile`). */
  readonly peerRawKeys: PeerRawKeys;
  readonly authorities: readonly Authority[];
  /** The identities of `pskfile` with their pre-shared keys. */
  readonly psks: ReturnType<typeof readPskFile>;
  /** Revocation lists (`crldir`). */
  readonly crls: readonly Crl[];
  /** OCSP responses (`ocspdir`). */
  readonly ocsp: readonly OcspResponse[];
  /** What in the files is not used, in sentences. */
  readonly notes: readonly string[];
}

/** Returns the position of an option in its file. */
type PositionOf = (path: string) => SetupPosition;

/** The most pairs among which a gateway chooses by the peer's CERTREQ. */
const CHOICE_MAX = 8;

/** The files of a setup that needs none. */
export const NO_CERTIFICATES: CertificateFiles = {
  credentials: [],
  issuing: undefined,
  rawKeys: [],
  peerRawKeys: { named: [], unnamed: [] },
  lookupFiles: [],
  authorities: [],
  psks: [],
  crls: [],
  ocsp: [],
  notes: [],
};

/** Whether this end signs, or takes its identity from its certificate. */
export function needsCredentials({ ikeconf }: Setup): boolean {
  const inEap = usesTls(ikeconf) && ikeconf.eedir !== "";
  return inEap || everyOwnMethod(ikeconf).some(isSignature) ||
    [ikeconf.myid, ikeconf.myid2].some((id) => CERTIFICATE_IDENTITIES.includes(id));
}

/** Whether this end sends certificates of authorities with its own. */
function sendsAuthorities({ ikeconf }: Setup): boolean {
  const { sendingmarkedca, cadir } = ikeconf;
  return sendingmarkedca && cadir !== "" && everyOwnMethod(ikeconf).some(isSignature);
}

/** Whether the peer signs, or may sign. */
export function needsAuthorities({ ikeconf }: Setup): boolean {
  const { authpeermethod, cadir } = ikeconf;
  const optional = authpeermethod === "eap-only" || usesTls(ikeconf);
  return everyPeerMethod(ikeconf).some(isSignature) || optional && cadir !== "";
}

/** Whether a method of EAP uses TLS and the setup names certificates. */
function usesTls(ikeconf: Setup["ikeconf"]): boolean {
  const byEap = [...everyOwnMethod(ikeconf), ...everyPeerMethod(ikeconf)].includes("eap");
  return byEap && ikeconf.eapmethod.some((type) => BY_TLS.includes(type));
}

/**
 * Reads the files that the setup needs. @throws {SetupError} naming the option and the file if one cannot be
 * read or used, or if there are fewer pairs than tunnels.
 */
export async function readCertificateFiles(
  setup: Setup,
  crypto: CryptoBackend,
  { positionOf, progress }: {
    readonly positionOf?: PositionOf | undefined;
    readonly progress?: ReadingProgress | undefined;
  } = {},
): Promise<CertificateFiles> {
  const { cadir, eedir, crldir, ocspdir, revocation, rawkey } = setup.ikeconf;
  const { certlookup, certlookupdir } = setup.ikeconf;
  const verifies = needsAuthorities(setup);
  const asks = verifies && revocation !== "off";
  const signs = everyOwnMethod(setup.ikeconf).some(isSignature);
  const place = (option: string) => ({ option, position: positionOf?.(`ikeconf.${option}`) });
  const needsOwn = needsCredentials(setup);
  const issues = needsOwn && setup.ikeconf.issuercert !== "";
  const notes: string[] = [];
  return {
    issuing: issues ? await readIssuing(setup, crypto, positionOf) : undefined,
    credentials: needsOwn && eedir !== ""
      ? await readCredentials(setup, new Directory(eedir, place("eedir")), {
        crypto,
        notes,
        progress,
      })
      : [],
    rawKeys: signs && rawkey !== "" ? await readRawKeys(setup, place("rawkey"), crypto) : [],
    peerRawKeys: verifies ? readPeerRawKeys(setup, place) : NO_CERTIFICATES.peerRawKeys,
    lookupFiles: verifies && certlookup !== "off" && certlookupdir !== ""
      ? readAll(new Directory(certlookupdir, place("certlookupdir")), (file) => [file], "file")
      : [],
    // A gateway that signs may have peers that do not, such as EAP users.
    authorities: sendsAuthorities(setup) ||
        verifies && (cadir !== "" || !trustsRawKeys(setup.ikeconf))
      ? readAuthorities(new Directory(cadir, place("cadir")))
      : [],
    psks: readPskFile(setup, positionOf),
    crls: asks && crldir !== ""
      ? readAll(new Directory(crldir, place("crldir")), readCrls, "revocation list")
      : [],
    ocsp: (asks || signs) && ocspdir !== ""
      ? readAll(new Directory(ocspdir, place("ocspdir")), readOcspResponses, "OCSP response")
      : [],
    notes,
  };
}

/** Hears of each pair of certificate and key that was read and checked, and how many there are. */
export type ReadingProgress = (done: number, of: number) => void;

/** What reading pairs needs, and where it tells what is not used. */
interface PairReading {
  readonly crypto: CryptoBackend;
  readonly notes: string[];
  readonly progress: ReadingProgress | undefined;
}

/** Reads the pairs NAME.cert, NAME.key that the tunnels need, or among which a gateway chooses. */
async function readCredentials(
  { role, numberoftunnels, ikeconf }: Setup,
  directory: Directory,
  reading: PairReading,
): Promise<Credential[]> {
  const names = directory.names();
  const suffix = ".cert";
  // If a gateway takes its identity from its certificate, the identity must not depend on the peer's CERTREQ.
  const mayChoose = ![ikeconf.myid, ikeconf.myid2].some((id) =>
    CERTIFICATE_IDENTITIES.includes(id)
  );
  const pairs = names.filter((name) => name.endsWith(suffix)).map((name) =>
    name.slice(0, -suffix.length)
  );
  // A gateway does not know the tunnel of a peer before it has authenticated itself.
  const wanted = role === "client" ? numberoftunnels : 1;
  const most = role === "client" ? numberoftunnels : mayChoose ? CHOICE_MAX : 1;
  if (pairs.length < wanted) {
    const found = `${directory.path} has ${pairs.length} pairs NAME.cert, NAME.key`;
    throw directory.fault(`${found}: expected ${wanted}, one for each tunnel`);
  }
  const credentials: Credential[] = [];
  const used = pairs.slice(0, most);
  for (const name of used) {
    credentials.push(await readCredential(directory, name, reading));
    reading.progress?.(credentials.length, used.length);
  }
  return credentials;
}

async function readCredential(
  directory: Directory,
  name: string,
  { crypto, notes }: PairReading,
): Promise<Credential> {
  const [certificate, ...others] = directory.read(`${name}.cert`, readCertificates);
  if (!certificate) throw directory.fault(`${directory.path}/${name}.cert has no certificate`);
  const privateKey = directory.read(`${name}.key`, readPrivateKey);
  const fault = await pairFault({ certificate, privateKey }, crypto);
  if (fault) throw directory.fault(`${directory.path}/${name}.key ${fault}`);
  if (others.length > 0 && notes.length === 0) {
    notes.push(
      `${directory.path}/${name}.cert has ${
        others.length + 1
      } certificates, and the first is used: ` +
        "to send authorities too, put them into cadir as NAME.cert.certp, and set sendingmarkedca",
    );
  }
  return { certificate, privateKey };
}

/** All certificates of the directory, except those in files with keys. */
function readAuthorities(directory: Directory): Authority[] {
  const found = namesOfData(directory).flatMap((file) =>
    directory.read(file, readCertificates).map((certificate) => ({ file, certificate }))
  );
  if (found.length > 0) return found;
  throw directory.fault(`${directory.path} has no certificate of an authority`);
}
