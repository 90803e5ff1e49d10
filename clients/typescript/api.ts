/**
 * API: the bodies of Sluice's HTTP API. Written by generate.ts from the OpenAPI document; not edited by hand.
 *
 * @module
 */

/** ISO 4217 code. */
export type Currency =
  | 'AED'
  | 'AUD'
  | 'BDT'
  | 'BHD'
  | 'BRL'
  | 'CAD'
  | 'CHF'
  | 'CLP'
  | 'CNY'
  | 'COP'
  | 'CZK'
  | 'DKK'
  | 'EGP'
  | 'EUR'
  | 'GBP'
  | 'HKD'
  | 'HUF'
  | 'IDR'
  | 'ILS'
  | 'INR'
  | 'ISK'
  | 'JOD'
  | 'JPY'
  | 'KES'
  | 'KRW'
  | 'KWD'
  | 'LKR'
  | 'MAD'
  | 'MXN'
  | 'MYR'
  | 'NGN'
  | 'NOK'
  | 'NPR'
  | 'NZD'
  | 'OMR'
  | 'PEN'
  | 'PHP'
  | 'PKR'
  | 'PLN'
  | 'QAR'
  | 'RON'
  | 'SAR'
  | 'SEK'
  | 'SGD'
  | 'THB'
  | 'TND'
  | 'TRY'
  | 'TWD'
  | 'TZS'
  | 'UAH'
  | 'UGX'
  | 'USD'
  | 'VND'
  | 'ZAR';

/** SUCCESS and FAILED are final words of the processor. */
export type PaymentStatus = 'PENDING' | 'PROCESSING' | 'SUCCESS' | 'FAILED';

/** The card as it may be shown. */
export interface Card {
  brand: string;
  masked: string;
  expiryMonth: string;
  expiryYear: string;
  /** `fp_` and 32 hex digits, the same for the same card number. Keyed: it cannot be guessed back. */
  fingerprint: string;
  /** The sealed card in the vault. */
  token: string;
}

export interface FieldError {
  /** RFC 6901. */
  pointer: string;
  detail: string;
}

/** What is to be paid. */
export interface CreateIntent {
  /** The merchant of the API key. */
  merchantId: string;
  /** Minor units: 5000 is INR 50.00, and 5000 JPY is 5000 yen. */
  amount: number;
  currency: Currency;
  /** Your name for the order. */
  orderId: string;
  /** Your name for the customer. */
  customerId?: string | null;
  /** Any JSON object of at most 8192 bytes and 8 levels. Kept as JSON: the order of keys and numbers beyond 2^53 are not preserved. */
  metadata?: Record<string, unknown> | null;
}

/** A checkout page for one intent. */
export interface CreateSession {
  /** `pi_` and 32 hex digits. */
  paymentIntentId: string;
  /** The merchant of the API key. */
  merchantId: string;
  /** Where the shopper goes once paid. https. */
  successUrl: string;
  /** Where the shopper goes otherwise. https. */
  cancelUrl: string;
}

/** A card and the session it was typed in. */
export interface ProcessPayment {
  /** `sess_` and 32 hex digits. */
  sessionId: string;
  /** Digits; spaces and dashes are dropped. Never a JSON number. */
  cardNumber: string;
  /** One or two digits, 1 to 12. */
  expiryMonth: string | number;
  /** Two or four digits. */
  expiryYear: string | number;
  /** 3 digits, 4 for American Express. */
  cvv: string;
  /** As on the card; one with 12 or more digits is refused. */
  cardholderName: string;
  /** Minor units. Must be the intent’s if it comes; the price is never taken from here. */
  amount?: number | string | null;
  /** Must be the intent’s if it comes. */
  currency?: string | null;
}

/** A card that a PCI-certified merchant took itself. */
export interface ProcessPaymentByKey {
  /** `pi_` and 32 hex digits. */
  paymentIntentId: string;
  /** The merchant of the API key. */
  merchantId: string;
  /** Digits; spaces and dashes are dropped. Never a JSON number. */
  cardNumber: string;
  /** One or two digits, 1 to 12. */
  expiryMonth: string | number;
  /** Two or four digits. */
  expiryYear: string | number;
  /** 3 digits, 4 for American Express. */
  cvv: string;
  /** As on the card; one with 12 or more digits is refused. */
  cardholderName: string;
  /** Minor units. Must be the intent’s if it comes; the price is never taken from here. */
  amount?: number | string | null;
  /** Must be the intent’s if it comes. */
  currency?: string | null;
}

export interface IntentCreated {
  /** `pi_` and 32 hex digits. */
  paymentIntentId: string;
  status: 'PENDING';
  /** ISO 8601, UTC. */
  createdAt: string;
}

export interface SessionCreated {
  /** `sess_` and 32 hex digits. */
  sessionId: string;
  /** Send the shopper here. */
  redirectUrl: string;
  /** ISO 8601, UTC. */
  expiresAt: string;
}

export interface PaymentStarted {
  /** `txn_` and 32 hex digits. */
  transactionId: string;
  status: 'PROCESSING';
}

/** One attempt to charge one card for one intent. */
export interface Transaction {
  /** `txn_` and 32 hex digits. */
  transactionId: string;
  /** `pi_` and 32 hex digits. */
  paymentIntentId: string;
  status: PaymentStatus;
  /** Minor units: 5000 is INR 50.00, and 5000 JPY is 5000 yen. */
  amount: number;
  currency: Currency;
  /** Null until final. */
  completedAt: string | null;
  /** ISO 8601, UTC. */
  createdAt: string;
  orderId: string;
  customerId: string | null;
  /** What is known of the charge itself. */
  outcome: 'not_sent' | 'unknown' | 'action_required' | 'declined' | 'charged';
  failureCode: string | null;
  processor: 'RAZORPAY' | 'PAYU' | 'STRIPE' | 'SANDBOX';
  processorTxnId: string | null;
  /** 1 to 5. */
  attempt: number;
  card: Card;
}

/** What a merchant wants paid, and its attempts, oldest first. */
export interface Intent {
  /** `pi_` and 32 hex digits. */
  paymentIntentId: string;
  /** The merchant of the API key. */
  merchantId: string;
  status: PaymentStatus;
  /** Minor units: 5000 is INR 50.00, and 5000 JPY is 5000 yen. */
  amount: number;
  currency: Currency;
  orderId: string;
  customerId: string | null;
  metadata: Record<string, unknown> | null;
  /** ISO 8601, UTC. */
  createdAt: string;
  transactions: {
    transactionId: string;
    status: PaymentStatus;
    attempt: number;
    failureCode: string | null;
  }[];
}

export interface CallbackReceived {
  received: true;
  /** What the callback did; null where it is durable but not yet applied. */
  verdict: ('applied' | 'duplicate' | 'ignored' | 'quarantined' | 'unmatched') | null;
}

/** Every refusal (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  /** Stable: programs may rely on it. */
  code: string;
  detail: string;
  errors?: FieldError[];
  transactionId?: string;
}
