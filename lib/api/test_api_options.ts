/**
 * Where the Test API listens, and whom it trusts.
 * @module
 */
import type { SecretsRule, TrustRules } from "@/api/caller.ts";
import type { TlsFiles } from "@/api/credentials.ts";

/** Where a Test API listens and whom it trusts. */
export interface TestApiOptions {
  /** `apilistenaddr` in words. */
  readonly address: string;
  /** `apilistenport`; 0: a free one. */
  readonly port: number;
  /** `apitlscert`, `apitlskey`, `apitlsclientca`. */
  readonly tls: TlsFiles;
  /** `apisecrets`. */
  readonly secrets: SecretsRule;
  /** Who may see secrets and change something. */
  readonly trust: TrustRules;
}
