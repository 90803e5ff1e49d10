/**
 * Verify: is this callback really the processor's? The signature is checked over the raw bytes before anything
 * of them is read.
 *
 * @module
 */

import type { Connector } from '../connectors/connector.ts';
import type { ProcessorCallback } from '../domain/callback.ts';
import { type Refusal, refusal } from '../domain/outcomes.ts';
import type { ProcessorName } from '../domain/processor-word.ts';

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

/** The secrets that callbacks of one account at a processor may be signed with: two during rotation. */
export interface AccountSecrets {
  account: string;
  secrets: readonly string[];
}

export interface VerifyDeps {
  connectors: readonly Pick<Connector, 'name' | 'readCallback'>[];
  /** The account with its secrets at `now`; when none is named, those accounts that may be meant. May reject. */
  secretsOf(
    processor: ProcessorName,
    account: string | null,
    now: number,
  ): Promise<readonly AccountSecrets[]>;
  /** Hears why secrets could not be had. */
  onSecretsFailed(error: unknown, processor: ProcessorName): void;
}

export type Verified = { ok: true; callback: ProcessorCallback } | { ok: false; refusal: Refusal };

/** Checks and reads one callback. Never rejects for anything the sender did. */
export async function verifyCallback(deps: VerifyDeps, arrived: ArrivedCallback): Promise<Verified> {
  const connector = deps.connectors.find(({ name }) => name.toLowerCase() === arrived.processor);
  if (connector === undefined) return refused(refusal('not_found', 'No processor has this name.'));
  let accounts: readonly AccountSecrets[];
  try {
    accounts = await deps.secretsOf(connector.name, arrived.account, arrived.now);
  } catch (error) {
    deps.onSecretsFailed(error, connector.name);
    return refused(refusal('storage_unavailable', 'Signatures cannot be checked right now.'));
  }
  for (const { account, secrets } of accounts) {
    const read = connector.readCallback(arrived, secrets, arrived.now);
    // Whoever knows one account's secret speaks for that account only, whatever the body says and however little.
    if (read.ok && (read.callback.word?.processorAccount ?? account) === account) {
      return { ok: true, callback: ofAccount(read.callback, account) };
    }
    if (!read.ok && read.code === 'body_invalid') {
      return refused(refusal('invalid_request', 'The body is not a callback of this processor.'));
    }
  }
  return notGenuine();
}

function ofAccount(callback: ProcessorCallback, account: string): ProcessorCallback {
  const { word } = callback;
  if (word === null || word.processorAccount === account) return callback;
  return { ...callback, word: { ...word, processorAccount: account } };
}

function notGenuine(): Verified {
  return refused(refusal('unauthorized', 'The signature or its time is not valid.'));
}

function refused(cause: Refusal): Verified {
  return { ok: false, refusal: cause };
}
