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

/** Null when it is paid by UPI. */
export type Card = {
  brand: string;
  masked: string;
  expiryMonth: string;
  expiryYear: string;
  /** `fp_` and 32 hex digits, the same for the same card number. Keyed: it cannot be guessed back. */
  fingerprint: string;
  /** The sealed card in the vault. */
  token: string;
} | null;

export type PaymentEventType =
  | 'payment.succeeded'
  | 'payment.failed'
  | 'payment.attempt_failed'
  | 'payment.recovered'
  | 'payment.reversed';

export type DeliveryState = 'waiting' | 'delivered' | 'dead';

/** A card and the session it was typed in, or UPI and the session it was chosen in. */
export type ProcessPayment =
  | {
      /** `sess_` and 32 hex digits. */
      sessionId: string;
      /** Minor units. Must be the intent’s if it comes; the price is never taken from here. */
      amount?: number | string | null;
      /** Must be the intent’s if it comes. */
      currency?: string | null;
      method?: 'card' | null;
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
    }
  | {
      /** `sess_` and 32 hex digits. */
      sessionId: string;
      /** Minor units. Must be the intent’s if it comes; the price is never taken from here. */
      amount?: number | string | null;
      /** Must be the intent’s if it comes. */
      currency?: string | null;
      method: 'upi';
    };

export interface FieldError {
  /** RFC 6901. */
  pointer: string;
  detail: string;
}

export interface TransactionEvent {
  /** ISO 8601, UTC. */
  at: string;
  /** `intent_created`: the merchant asked for the money; `attempt_started`: a shopper sent a card, or chose UPI; `routed`: sent to the preferred processor; `not_sent`: nothing left for the processor; `fell_back`: sent to the second processor, for the first cannot have charged; `no_fallback`: why no second processor was asked; `accepted`: the bank works on it; `action_required`: the bank waits for the shopper: 3-D Secure, or a UPI app; `shopper_returned`: the shopper came back from the bank’s page; `outcome_unknown`: sent, and no clear word came back; `not_found`: a query: the bank does not know it; `no_answer`: a query: no answer; `never_arrived`: proven never to have arrived; `charged`: the bank’s final word: charged; `declined`: the bank’s final word: declined; `operator_resolved`: an operator decided, with the reason; `settlement_heard`: what the processor’s settlement report said of it; `late_success`: charged after it had counted as failed; `success_reversed`: taken back after it had succeeded; `attempt_succeeded`: the attempt is SUCCESS; `attempt_failed`: the attempt is FAILED */
  type:
    | 'intent_created'
    | 'attempt_started'
    | 'routed'
    | 'not_sent'
    | 'fell_back'
    | 'no_fallback'
    | 'accepted'
    | 'action_required'
    | 'shopper_returned'
    | 'outcome_unknown'
    | 'not_found'
    | 'no_answer'
    | 'never_arrived'
    | 'charged'
    | 'declined'
    | 'operator_resolved'
    | 'settlement_heard'
    | 'late_success'
    | 'success_reversed'
    | 'attempt_succeeded'
    | 'attempt_failed';
  /** Who said so: the processor in its answer, its callback, its reply to our query or to the one we asked when the shopper came back, or its settlement report; recovery’s own proof; an operator; or we. */
  source: 'answer' | 'callback' | 'query' | 'return' | 'recovery' | 'operator' | 'settlement' | 'sluice';
  /** A sentence for people. */
  detail: string;
  /** Whose line it is; null: the intent’s. */
  transactionId: string | null;
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
  /** Where the shopper goes once paid. https, of an origin registered for the merchant. */
  successUrl: string;
  /** Where the shopper goes otherwise. https, of an origin registered for the merchant. */
  cancelUrl: string;
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

/** One attempt to charge one card, or by UPI, for one intent. */
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
  processor: 'RAZORPAY' | 'PAYU' | 'STRIPE' | 'SANDBOX' | 'SANDBOX_B';
  processorTxnId: string | null;
  /** 1 to 5. */
  attempt: number;
  /** For a card null until the processor has said which kind it is. */
  paymentMethodType: ('CREDIT_CARD' | 'DEBIT_CARD' | 'UPI') | null;
  /** What the shopper is to do before the bank goes on. The checkout page shows it; a merchant with a page of its own does it there or sends the shopper to `resultUrl`. Null when there is nothing to do. */
  nextAction:
    | (
        | {
            type: 'redirect';
            /** A page of the bank, which leads back to our result page. */
            url: string;
            /** Our page on which the shopper can do it, of every type. Send the shopper here or do it on yours. */
            resultUrl: string;
            /** ISO 8601, UTC. */
            expiresAt: string | null;
          }
        | {
            type: 'form';
            /** A page of the bank, which leads back to our result page. */
            url: string;
            /** To be posted to `url` by the browser, as a form. */
            fields: Record<string, unknown>;
            /** Our page on which the shopper can do it, of every type. Send the shopper here or do it on yours. */
            resultUrl: string;
            /** ISO 8601, UTC. */
            expiresAt: string | null;
          }
        | {
            /** The bank wants the one-time password it has sent to the shopper. Only our page takes it: send the shopper to `resultUrl`. */
            type: 'otp';
            /** Our page on which the shopper can do it, of every type. Send the shopper here or do it on yours. */
            resultUrl: string;
            /** ISO 8601, UTC. */
            expiresAt: string | null;
          }
        | {
            type: 'upi_intent';
            /** Opens a UPI app; on a screen beside the phone, a QR code of it. */
            link: string;
            /** Our page on which the shopper can do it, of every type. Send the shopper here or do it on yours. */
            resultUrl: string;
            /** ISO 8601, UTC. */
            expiresAt: string | null;
          }
      )
    | null;
  /** Where the attempt was sent and why, leg by leg. */
  routing: {
    /** Where another leg could have gone. */
    fallback: ('RAZORPAY' | 'PAYU' | 'STRIPE' | 'SANDBOX' | 'SANDBOX_B') | null;
    legs: {
      leg: number;
      processor: 'RAZORPAY' | 'PAYU' | 'STRIPE' | 'SANDBOX' | 'SANDBOX_B';
      /** All but `preferred` prove that the leg before cannot have charged. */
      reason: 'preferred' | 'first_unreachable' | 'first_busy' | 'first_breaker_open' | 'first_refused';
      /** ISO 8601, UTC. */
      at: string;
    }[];
  };
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

export interface TransactionEvents {
  /** `txn_` and 32 hex digits. */
  transactionId: string;
  /** `pi_` and 32 hex digits. */
  paymentIntentId: string;
  /** Oldest first. */
  events: TransactionEvent[];
}

/** Where to hear of payments. */
export interface CreateWebhookEndpoint {
  /** https, port 443 or 8443, a public host. In development http and any address. */
  url: string;
  /** Which events it hears; null: all, also those of later versions. */
  eventTypes?: PaymentEventType[] | null;
}

/** What is to change; the rest stays. */
export interface UpdateWebhookEndpoint {
  /** https, port 443 or 8443, a public host. In development http and any address. */
  url?: string;
  /** Which events it hears; null: all, also those of later versions. */
  eventTypes?: PaymentEventType[] | null;
  status?: 'enabled' | 'disabled';
}

/** A new secret; the old one may stay for a while. */
export interface RotateWebhookSecret {
  /** How long webhooks are signed with the old secret too. Default: 86400, a day. */
  previousValidSeconds?: number;
}

/** One event, or a range of time. */
export interface ReplayWebhooks {
  /** One event, whatever became of it. Alone. */
  eventId?: string;
  /** With `to`: events from this moment on. */
  from?: string;
  /** Up to and with this moment. */
  to?: string;
  /**
   * Default: dead and waiting.
   *
   * @minItems 1
   * @maxItems 3
   */
  states?: DeliveryState[];
  /** `next` of the call before this one. */
  after?: string;
}

export interface WebhookEndpoint {
  /** `we_` and 32 hex digits. */
  endpointId: string;
  url: string;
  eventTypes: PaymentEventType[] | null;
  status: 'enabled' | 'disabled';
  /** `gone`: the endpoint answered 410. Null while it is enabled. */
  disabledReason: ('merchant' | 'gone') | null;
  /** Until then the secret before this one signs too. */
  previousSecretUntil: string | null;
  /** ISO 8601, UTC. */
  createdAt: string;
}

export interface WebhookEndpointCreated {
  /** `we_` and 32 hex digits. */
  endpointId: string;
  url: string;
  eventTypes: PaymentEventType[] | null;
  status: 'enabled' | 'disabled';
  /** `gone`: the endpoint answered 410. Null while it is enabled. */
  disabledReason: ('merchant' | 'gone') | null;
  /** Until then the secret before this one signs too. */
  previousSecretUntil: string | null;
  /** ISO 8601, UTC. */
  createdAt: string;
  /** `whsec_` and base64. Shown here only. */
  secret: string;
}

export interface WebhookEndpoints {
  endpoints: WebhookEndpoint[];
}

export interface WebhookSecretRotated {
  /** `whsec_` and base64. Shown here only. */
  secret: string;
  /** Null: the old secret is valid no more. */
  previousSecretUntil: string | null;
}

export interface WebhookTested {
  delivered: boolean;
  /** HTTP status; null when no answer came. */
  status: number | null;
  /** A stable word; null when it was delivered. */
  failure: string | null;
  durationMs: number;
}

export interface Delivery {
  /** `evt_` and 32 hex digits: the `webhook-id` of every try. */
  eventId: string;
  type: PaymentEventType;
  transactionId: string | null;
  /** `pi_` and 32 hex digits. */
  paymentIntentId: string;
  /** `dead`: only a replay tries again. */
  state: 'waiting' | 'delivered' | 'dead';
  /** Since the event or its last replay. */
  tries: number;
  /** When it is tried next; null unless waiting. */
  nextAt: string | null;
  /** ISO 8601, UTC. */
  createdAt: string;
  /** The tries, oldest first, at most the last 32. */
  log: {
    /** ISO 8601, UTC. */
    at: string;
    durationMs: number;
    status: number | null;
    failure: string | null;
  }[];
}

export interface Deliveries {
  deliveries: Delivery[];
  /** From where to go on; null at the end. */
  next: string | null;
}

export interface WebhooksReplayed {
  /** At most 1000 a call. */
  replayed: number;
  /** From where to go on; null at the end. */
  next: string | null;
}

export interface Payouts {
  /** By day, processor and currency. */
  payouts: {
    /** Of the settlement report. */
    day: string;
    processor: 'RAZORPAY' | 'PAYU' | 'STRIPE' | 'SANDBOX' | 'SANDBOX_B';
    currency: Currency;
    /** Settled payments, less those taken back. */
    payments: number;
    /** Minor units; negative where more was taken back than settled. */
    amount: number;
    /** Minor units; negative where more was taken back than settled. */
    processorFees: number;
    /** Minor units; negative where more was taken back than settled. */
    processorTax: number;
    /** Minor units; negative where more was taken back than settled. */
    merchantFees: number;
    /** What the merchant is owed: `amount` less `merchantFees`. */
    payable: number;
  }[];
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
