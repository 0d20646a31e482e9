/**
 * The TLS credentials of an API server. The files of `apitlscert`, `apitlskey` and `apitlsclientca`
 * are read and checked before anybody connects, so that an error names the option of the setup.
 * @module
 */
import { ServerCredentials } from "@grpc/grpc-js";
import { Buffer } from "node:buffer";
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { SetupError } from "@/base/errors.ts";

/** Paths of PEM files; empty: not set. */
export interface TlsFiles {
  /** The server's certificate, followed by intermediate certificates. */
  readonly certificate: string;
  /** Its private key, not encrypted. */
  readonly key: string;
  /**
   * Certificate authorities of clients. If it is set, clients without a certificate of one of them
   * are refused.
   */
  readonly clientCa: string;
}

/** The names of the three files in error messages. */
export type TlsOptionNames = { readonly [K in keyof TlsFiles]: string };

/** The names of the options in a setup file. */
export const SETUP_TLS_NAMES: TlsOptionNames = {
  certificate: "apitlscert",
  key: "apitlskey",
  clientCa: "apitlsclientca",
};

/** The contents of the TLS files of a server, checked. */
export interface TlsPems {
  /** The server's certificate, and intermediate ones behind it. */
  readonly chain: Buffer;
  readonly key: Buffer;
  /** Authorities of clients; undefined: clients need no certificate. */
  readonly clientCa: Buffer | undefined;
}

/**
 * Reads the TLS files of a server; undefined where none is set.
 *
 * @throws {SetupError} naming option and path when a file cannot be read or is not what it should
 * be, when key and certificate do not belong together, or when one of them is missing.
 */
export function readTlsFiles(
  files: TlsFiles,
  names: TlsOptionNames = SETUP_TLS_NAMES,
): TlsPems | undefined {
  if (files.certificate === "" && files.key === "") {
    if (files.clientCa === "") return undefined;
    throw new SetupError(`${names.clientCa} needs ${names.certificate} and ${names.key}`);
  }
  if (files.key === "") throw new SetupError(`${names.certificate} needs ${names.key}`);
  if (files.certificate === "") throw new SetupError(`${names.key} needs ${names.certificate}`);
  const chain = readCertificates(files.certificate, names.certificate);
  const key = readKey(files.key, names.key);
  if (!chain.first.checkPrivateKey(key.parsed)) {
    const [k, c] = [`${names.key} ${files.key}`, `${names.certificate} ${files.certificate}`];
    throw new SetupError(`The key of ${k} does not belong to the certificate of ${c}`);
  }
  const clientCa = files.clientCa === ""
    ? undefined
    : readCertificates(files.clientCa, names.clientCa).pem;
  return { chain: chain.pem, key: key.pem, clientCa };
}

/**
 * Credentials of a gRPC server: none, TLS, or TLS with client certificates, by which files are set.
 *
 * @throws {SetupError} as {@linkcode readTlsFiles}.
 */
export function serverCredentials(
  files: TlsFiles,
  names: TlsOptionNames = SETUP_TLS_NAMES,
): ServerCredentials {
  const pems = readTlsFiles(files, names);
  if (!pems) return ServerCredentials.createInsecure();
  const pair = [{ cert_chain: pems.chain, private_key: pems.key }];
  // Without client certificates nobody is verified; our own chain only keeps the library from
  // looking for the system's roots, which it does not find everywhere.
  return ServerCredentials.createSsl(
    pems.clientCa ?? pems.chain,
    pair,
    pems.clientCa !== undefined,
  );
}

interface Certificates {
  readonly pem: Buffer;
  readonly first: X509Certificate;
}

function readCertificates(path: string, option: string): Certificates {
  const pem = readPem(path, option);
  const blocks = pem.toString("latin1").match(CERTIFICATE) ?? [];
  try {
    const all = blocks.map((block) => new X509Certificate(block));
    if (all.length > 0) return { pem, first: all[0]! };
  } catch { /* The error is thrown below. */ }
  throw new SetupError(`Cannot use ${option} ${path}: it holds no PEM certificate`);
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function readKey(path: string, option: string): { pem: Buffer; parsed: KeyObject } {
  const pem = readPem(path, option);
  try {
    return { pem, parsed: createPrivateKey(pem) };
  } catch {
    throw new SetupError(`Cannot use ${option} ${path}: it holds no unencrypted PEM private key`);
  }
}

function readPem(path: string, option: string): Buffer {
  try {
    return Buffer.from(Deno.readFileSync(path));
  } catch (error) {
    throw new SetupError(`Cannot read ${option} ${path}: ${(error as Error).message}`);
  }
}
