/**
 * The options of the command `cli`.
 * @module
 */

/** Options of `cli` as commander gives them. */
export interface CliFlags {
  readonly svr: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly json?: boolean;
}
