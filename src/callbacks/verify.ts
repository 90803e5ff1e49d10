/**
 * Verify: is this callback really the processor's? The signature is checked over the raw bytes before anything
 * of them is read.
 *
 * @module
 */

import type { Connector } from '../connectors/connector.ts';
import type { ProcessorCallback } from '../domain/callback.ts';
import { type Refusal, refusal } from '../domain/outcomes.ts';
import type { ProcessorName } from '../domain/transaction.ts';

/** A callback as it arrived. */
export interface ArrivedCallback {
  /** Lower case, from the path. */
  processor: string;
  /** The account at the processor, when the address it calls names one. */
  account: string | null;
  header(name: string): string;
  body: Uint8Array;
  /** Milliseconds since 1970. */
  now: number;
}

export interface VerifyDeps {
  connectors: readonly Pick<Connector, 'name' | 'readCallback'>[];
  /** Secrets a callback of this account may be signed with; of all accounts when it is null. May reject. */
  secretsOf(processor: ProcessorName, account: string | null): Promise<readonly string[]>;
  /** Hears why secrets could not be had. */
  onSecretsFailed(error: unknown, processor: ProcessorName): void;
}

export type Verified = { ok: true; callback: ProcessorCallback } | { ok: false; refusal: Refusal };

/** Checks and reads one callback. Never rejects for anything the sender did. */
export async function verifyCallback(deps: VerifyDeps, arrived: ArrivedCallback): Promise<Verified> {
  const connector = deps.connectors.find(({ name }) => name.toLowerCase() === arrived.processor);
  if (connector === undefined) return refused(refusal('not_found', 'No processor has this name.'));
  let secrets: readonly string[];
  try {
    secrets = await deps.secretsOf(connector.name, arrived.account);
  } catch (error) {
    deps.onSecretsFailed(error, connector.name);
    return refused(refusal('storage_unavailable', 'Signatures cannot be checked right now.'));
  }
  const read = connector.readCallback(arrived, secrets, arrived.now);
  if (read.ok) return { ok: true, callback: read.callback };
  return refused(
    read.code === 'body_invalid'
      ? refusal('invalid_request', 'The body is not a callback of this processor.')
      : refusal('unauthorized', 'The signature or its time is not valid.'),
  );
}

function refused(cause: Refusal): Verified {
  return { ok: false, refusal: cause };
}
