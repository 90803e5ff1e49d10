/**
 * Correction message: what a settlement report says of a payment, as it lies on `payment_processor_status`, for us and for whoever else
 * reads it.
 *
 * We read no more of it than its name: what is applied is what waits under that name in the shard database. So whoever may write to the
 * topic can have a correction applied that is to be applied anyway, and nothing else. `docs/KAFKA.md` documents the shape.
 *
 * @module
 */

import type { IHeaders, Message } from 'kafkajs';
import { intentIdOf, parseTransactionId, showIntentId, showTransactionId } from '../../domain/ids.ts';
import type { Correction } from '../../storage/settlement-store.ts';
import type { CorrectionName } from '../bus.ts';
import { VERSION, VERSION_HEADER } from './callback-message.ts';

/** Made for the producer. */
export function correctionMessage({ id, runId, scope, line, transactionId, row }: Correction): Message {
  const key = showTransactionId(transactionId);
  return {
    key,
    value: JSON.stringify({
      correctionId: id,
      processor: scope.processor,
      processorAccount: row.account ?? scope.account,
      processorTxnId: row.processorTxnId,
      transactionId: key,
      paymentIntentId: showIntentId(intentIdOf(transactionId)),
      status: row.outcome,
      amount: row.amount,
      currency: row.currency,
      report: { day: scope.day, runId, line },
    }),
    headers: { [VERSION_HEADER]: VERSION },
  };
}

export type ReadCorrection = { ok: true; correction: CorrectionName } | { ok: false; reason: string };

/** Reads a message. `reason` is a stable word. */
export function readCorrectionMessage(value: Buffer | null, headers: IHeaders | undefined): ReadCorrection {
  if (String(headers?.[VERSION_HEADER] ?? '') !== VERSION) return { ok: false, reason: 'version_unknown' };
  let read: unknown;
  try {
    read = JSON.parse(String(value));
  } catch {
    return { ok: false, reason: 'not_json' };
  }
  const correction = correctionIn(read);
  return correction === null ? { ok: false, reason: 'wrong_shape' } : { ok: true, correction };
}

function correctionIn(value: unknown): CorrectionName | null {
  if (typeof value !== 'object' || value === null) return null;
  const { correctionId: id, transactionId: shown } = value as Record<string, unknown>;
  const transactionId = typeof shown === 'string' ? parseTransactionId(shown) : null;
  if (transactionId === null || !Number.isSafeInteger(id) || (id as number) < 1) return null;
  return { id: id as number, transactionId };
}
