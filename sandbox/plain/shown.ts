/**
 * How plain shows a charge.
 * @module
 */
import type { Charge } from '../book.ts';
import type { ChargeStatus, Funding } from '../dialect.ts';

/** What is shown of a charge, and what decides that. */
export type ChargeFacts = Pick<
  Charge,
  | 'id'
  | 'reference'
  | 'account'
  | 'amount'
  | 'currency'
  | 'method'
  | 'status'
  | 'declineCode'
  | 'createdAt'
  | 'expiresAt'
>;

/** What the shopper must do before the charge can be decided. Times in ms since 1970. */
export type NextAction =
  | { readonly type: 'redirect'; readonly url: string; readonly expires_at: number }
  | {
      readonly type: 'upi_intent';
      /** What a UPI app opens. */
      readonly link: string;
      readonly expires_at: number;
      /** The page that stands for the UPI app. */
      readonly simulator_url: string;
    };

/** What a caller is shown of a charge: no card data at all. */
export interface ShownCharge {
  readonly id: string;
  readonly reference: string;
  readonly account: string;
  readonly amount: number;
  readonly currency: string;
  readonly status: ChargeStatus;
  readonly payment_method: { readonly type: 'card'; readonly funding: Funding } | { readonly type: 'upi' };
  readonly next_action?: NextAction;
  readonly decline_code?: string;
  /** The bank's promise that this reference can never be charged. */
  readonly reference_closed?: true;
  /** Milliseconds since 1970. */
  readonly created: number;
}

/**
 * The charge as answers and callbacks show it.
 * @param bankUrl where the shopper reaches the bank's pages, without a trailing slash
 */
export function showCharge(charge: ChargeFacts, bankUrl: string): ShownCharge {
  const { id, reference, account, amount, currency, method, status, declineCode, createdAt } = charge;
  return {
    id,
    reference,
    account,
    amount,
    currency,
    status,
    payment_method: method === 'upi' ? { type: 'upi' } : { type: 'card', funding: method },
    ...(status === 'requires_action' ? { next_action: nextActionOf(charge, bankUrl) } : {}),
    ...(status === 'declined' && declineCode !== undefined ? { decline_code: declineCode } : {}),
    ...(status === 'declined' ? { reference_closed: true } : {}),
    created: createdAt,
  };
}

function nextActionOf(charge: ChargeFacts, bankUrl: string): NextAction {
  const { id, method, expiresAt } = charge;
  if (expiresAt === undefined) throw new Error(`charge ${id} asks the shopper and never expires`);
  if (method !== 'upi') return { type: 'redirect', url: `${bankUrl}/3ds/${id}`, expires_at: expiresAt };
  return {
    type: 'upi_intent',
    link: upiLinkOf(charge),
    expires_at: expiresAt,
    simulator_url: `${bankUrl}/upi/${id}`,
  };
}

/** What a UPI app is told: the payee, the bank's own id of the charge, and rupees with two decimals. */
function upiLinkOf({ id, account, amount, currency }: ChargeFacts): string {
  const rupees = `${Math.floor(amount / 100)}.${String(amount % 100).padStart(2, '0')}`;
  return `upi://pay?pa=${account}@sandboxbank&pn=${account}&tr=${id}&am=${rupees}&cu=${currency}`;
}
