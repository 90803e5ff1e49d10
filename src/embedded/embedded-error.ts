/**
 * Embedded error: what stops the embedded profile from starting, said so that a person can mend it.
 *
 * @module
 */

/** Why the embedded profile could not start. */
export type EmbeddedErrorCode =
  | 'data_dir_locked'
  | 'data_dir_unusable'
  | 'folder_not_reachable'
  | 'pkcs11_module_missing'
  | 'port_busy'
  | 'postgres_account_missing'
  | 'postgres_binaries_missing'
  | 'postgres_failed'
  | 'process_failed'
  | 'setting_refused'
  | 'stopped';

/** Infrastructure of the embedded profile is missing or broken; the message names the setting or file to mend. */
export class EmbeddedError extends Error {
  readonly code: EmbeddedErrorCode;

  constructor(code: EmbeddedErrorCode, detail: string, options?: ErrorOptions) {
    super(detail, options);
    this.name = 'EmbeddedError';
    this.code = code;
  }
}
