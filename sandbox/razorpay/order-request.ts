/**
 * What `POST /v1/orders` asks for, checked.
 *
 * @module
 */
import { isRecord } from '../json.ts';
import {
  amountProblem,
  booleanOf,
  currencyProblem,
  integerOf,
  isAbsent,
  missing,
  type Notes,
  notesOf,
  notesProblem,
  strangerProblem,
  textProblem,
} from './fields.ts';
import type { Parameters } from './parameters.ts';
import { badInput, type Problem } from './problems.ts';

/** When a payment that is authorised is captured by itself, and when it goes back. Minutes from the payment's creation. */
export interface CapturePolicy {
  /** Null: nothing is captured by itself. */
  readonly automaticMinutes: number | null;
  readonly manualMinutes: number;
}

/** A checked order. The amount is in the smallest unit of its currency. */
export interface OrderRequest {
  readonly amount: number;
  readonly currency: string;
  readonly receipt: string | null;
  readonly notes: Notes;
  readonly policy: CapturePolicy;
  /** Whether the same receipt means the same order. */
  readonly uniqueReceipt: boolean;
}

const RECEIPT_LENGTH_MAX = 40;
const AUTOMATIC_MINUTES_MIN = 12;
const MANUAL_MINUTES_MAX = 7200;
const FIELDS: ReadonlySet<string> = new Set([
  'amount',
  'currency',
  'receipt',
  'notes',
  'partial_payment',
  'payment_capture',
  'payment',
  'unique_receipt',
]);
const PAYMENT_FIELDS: ReadonlySet<string> = new Set(['capture', 'capture_options']);
const OPTION_FIELDS: ReadonlySet<string> = new Set([
  'automatic_expiry_period',
  'manual_expiry_period',
  'refund_speed',
]);

/** Reads an order; the first problem found is the one told. */
export function readOrderRequest(
  body: Parameters,
): { readonly ok: true; readonly order: OrderRequest } | { readonly ok: false; readonly problem: Problem } {
  const { amount, currency, receipt, notes, payment } = body;
  const problem =
    strangerProblem(body, FIELDS) ??
    amountProblem(amount, currency) ??
    currencyProblem(currency) ??
    textProblem('receipt', receipt, { lengthMax: RECEIPT_LENGTH_MAX, needed: false }) ??
    notesProblem(notes) ??
    partialProblem(body.partial_payment) ??
    switchProblem('payment_capture', body.payment_capture) ??
    switchProblem('unique_receipt', body.unique_receipt) ??
    captureProblem(payment);
  if (problem !== undefined) return { ok: false, problem };
  const uniqueReceipt = booleanOf(body.unique_receipt) === true;
  if (uniqueReceipt && isAbsent(receipt)) return { ok: false, problem: missing('receipt') };
  return {
    ok: true,
    order: {
      amount: Number(amount),
      currency: String(currency),
      receipt: isAbsent(receipt) ? null : String(receipt),
      notes: notesOf(notes),
      policy: policyOf(body),
      uniqueReceipt,
    },
  };
}

/** Paying in parts is a feature that is switched on for an account; here it never is. */
function partialProblem(value: unknown): Problem | undefined {
  if (booleanOf(value) !== true) return switchProblem('partial_payment', value);
  return badInput('partial_payment', 'Partial payment is not enabled for this account');
}

function switchProblem(field: string, value: unknown): Problem | undefined {
  if (isAbsent(value) || booleanOf(value) !== null) return undefined;
  return badInput(field, `The ${field} field must be true or false.`);
}

function captureProblem(payment: unknown): Problem | undefined {
  if (payment === undefined) return undefined;
  if (!isRecord(payment)) return badInput('payment', 'The payment must be an object.');
  const { capture, capture_options: options } = payment;
  const stranger = strangerProblem(payment, PAYMENT_FIELDS);
  if (stranger !== undefined) return stranger;
  if (isAbsent(capture)) return missing('payment.capture');
  if (capture !== 'automatic' && capture !== 'manual')
    return badInput('payment.capture', 'The selected payment.capture is invalid.');
  if (options === undefined) {
    return capture === 'automatic' ? missing('payment.capture_options.automatic_expiry_period') : undefined;
  }
  if (!isRecord(options))
    return badInput('payment.capture_options', 'The payment.capture_options must be an object.');
  return strangerProblem(options, OPTION_FIELDS) ?? optionsProblem(options, capture);
}

function optionsProblem(options: Parameters, capture: 'automatic' | 'manual'): Problem | undefined {
  const {
    automatic_expiry_period: automatic,
    manual_expiry_period: manual = MANUAL_MINUTES_MAX,
    refund_speed: speed = 'normal',
  } = options;
  const automaticName = 'payment.capture_options.automatic_expiry_period';
  if (capture === 'automatic' && isAbsent(automatic)) return missing(automaticName);
  const automaticMinutes = isAbsent(automatic) ? AUTOMATIC_MINUTES_MIN : integerOf(automatic);
  if (automaticMinutes === null || automaticMinutes < AUTOMATIC_MINUTES_MIN) {
    return badInput(automaticName, `The ${automaticName} must be at least ${AUTOMATIC_MINUTES_MIN}.`);
  }
  const manualName = 'payment.capture_options.manual_expiry_period';
  const manualMinutes = integerOf(manual);
  if (manualMinutes === null) return badInput(manualName, `The ${manualName} must be an integer.`);
  if (manualMinutes > MANUAL_MINUTES_MAX) {
    return badInput(manualName, `The ${manualName} may not be greater than ${MANUAL_MINUTES_MAX}.`);
  }
  if (manualMinutes < automaticMinutes) {
    return badInput(manualName, `The ${manualName} must be at least ${automaticName}.`);
  }
  if (speed === 'normal' || speed === 'optimum') return undefined;
  return badInput(
    'payment.capture_options.refund_speed',
    'The selected payment.capture_options.refund_speed is invalid.',
  );
}

/** An order's own policy goes before the older `payment_capture`; without either, nothing is captured by itself. */
function policyOf({ payment, payment_capture: older }: Parameters): CapturePolicy {
  if (!isRecord(payment)) {
    const automaticMinutes = booleanOf(older) === true ? MANUAL_MINUTES_MAX : null;
    return { automaticMinutes, manualMinutes: MANUAL_MINUTES_MAX };
  }
  const options = isRecord(payment.capture_options) ? payment.capture_options : {};
  return {
    automaticMinutes: payment.capture === 'automatic' ? integerOf(options.automatic_expiry_period) : null,
    manualMinutes: integerOf(options.manual_expiry_period) ?? MANUAL_MINUTES_MAX,
  };
}
