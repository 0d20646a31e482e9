/**
 * The options of the Test API: where it listens, and whom it trusts.
 * @module
 */
import type { SecretsRule, TrustRules } from "@/api/caller.ts";
import type { TlsFiles } from "@/api/credentials.ts";

/** The options of a Test API. */
export interface TestApiOptions {
  /** The option `apilistenaddr` as text. */
  readonly address: string;
  /** The option `apilistenport`; 0: a free port. */
  readonly port: number;
  /** The options `apitlscert`, `apitlskey` and `apitlsclientca`. */
  readonly tls: TlsFiles;
  /** The option `apisecrets`. */
  readonly secrets: SecretsRule;
  /** Which callers may see secrets and make changes. */
  readonly trust: TrustRules;
}
