/** TLS for the tests of EAP: libssl through the shim, and certificates that are valid until 2120. */
import type { EapEnvironment } from "@/eap/method.ts";
import type { TlsSettings } from "@/eap/tls/engine.ts";
import { loadLibssl } from "@/native/libssl.ts";
import { seededEnv } from "./_talk.ts";

const libssl = loadLibssl();

/** Whether the shim is loaded; without it tests of TLS are ignored, and their names say so. */
export const hasTls = libssl !== undefined;

/** Registers a test that needs the shim. In CI a missing shim is an error. */
export function tlsTest(name: string, fn: () => void): void {
  if (!hasTls && Deno.env.get("CI") === "true") throw new Error("the shim is not built");
  Deno.test({ name: hasTls ? name : `${name} (left out: no shim)`, ignore: !hasTls, fn });
}

/** An environment with seeded randomness and TLS. */
export function tlsEnv(): EapEnvironment {
  return { ...seededEnv(21), tls: libssl };
}

const pem = (name: string) =>
  Deno.readTextFileSync(new URL(`../../api/tls/${name}`, import.meta.url));

/** Settings with one of the test certificates; by default they trust the authority of the tests. */
export function tlsSettings(
  name: "server" | "client" | "stranger",
  { versionMax = 0x0304, anchors = pem("authority.pem"), chain = "", serverName }: {
    readonly versionMax?: number;
    readonly anchors?: string;
    readonly chain?: string;
    readonly serverName?: string;
  } = {},
): TlsSettings {
  const certificate = pem(`${name}.pem`) + chain;
  const key = pem(`${name}.key`);
  return { anchors, certificate, key, versionMax, serverName };
}

/** Certificates to send after the end's own one, so that a message needs many fragments. */
export const LONG_CHAIN = pem("authority.pem").repeat(12);

/** A certificate that the authority of the tests has not issued, for use as a trust anchor. */
export const STRANGER = pem("stranger.pem");
