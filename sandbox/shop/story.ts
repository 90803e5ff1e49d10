/**
 * Story: everything that is known of an order, from everybody who knows something of it, as one timeline.
 *
 * Five voices: the shopper, the shop's own notes, Sluice when asked, the bank's book, and what was posted between them. Pure: what is
 * to be told comes in.
 * @module
 */
import type { Transaction } from '../../clients/typescript/api.ts';
import { showMoney } from '../money.ts';
import type { BookEntry } from './bank-side.ts';
import { findProduct } from './catalogue.ts';
import type { AttemptView, GatewayView } from './merchant.ts';
import type { Exchange, Note, Order, WebhookNote, WebhookVerdict } from './order.ts';
import { bankOf } from './tills.ts';
import type { Arrival } from './webhook-receiver.ts';

/** Whose doing an entry is. */
export type Voice = 'Shopper' | 'Shop' | 'Sluice' | 'Bank';
export type Tone = 'plain' | 'good' | 'bad' | 'wait';

/** One entry. The key stays the same as the story grows. */
export interface Entry {
  readonly key: string;
  /** Ms. */
  readonly at: number;
  readonly voice: Voice;
  readonly tone: Tone;
  readonly title: string;
  readonly words: string;
  /** Short facts shown beside the title. */
  readonly marks: readonly { readonly tone: Tone; readonly text: string }[];
  /** Somewhere to act, opened beside the story. */
  readonly link?: { readonly text: string; readonly url: string };
  /** What can be unfolded, as text. */
  readonly folds: readonly { readonly title: string; readonly text: string }[];
}

/** What a story is told from. */
export interface Sources {
  readonly order: Order;
  readonly view: GatewayView;
  readonly charges: readonly BookEntry[];
  /** Webhooks that were refused and claim to be of this order. */
  readonly refused: readonly Arrival[];
}

/** How the order stands, in words for the head of the page. */
export interface Standing {
  readonly tone: Tone;
  readonly title: string;
  readonly words: string;
  /** Whether nothing more is expected to happen by itself. */
  readonly settled: boolean;
  /** Whether another card may be tried. */
  readonly mayPay: boolean;
}

/** The timeline, oldest first. */
export function tellStory(sources: Sources): Entry[] {
  const { order, view, charges, refused } = sources;
  const { verdicts } = order;
  const entries = order.notes.map((note, index) => tellNote(note, index, verdicts));
  entries.push(...charges.flatMap((charge) => tellCharge(order, charge)));
  if (view.ok) entries.push(...tellGateway(view));
  entries.push(...refused.map(tellRefused));
  // Stable: of one millisecond, the shop's own notes come first.
  return entries.sort((one, other) => one.at - other.at);
}

/** How it stands now. */
export function standingOf({ order, view }: Pick<Sources, 'order' | 'view'>): Standing {
  const { state } = order;
  const by = state.by === 'api' ? 'The shop asked Sluice.' : 'A verified webhook says so.';
  const reason = state.failureCode === null ? '' : ` Reason: ${state.failureCode}.`;
  switch (state.word) {
    case 'paid': {
      const heard = order.notes.some((note) => note.kind === 'webhook' && note.answered === 204);
      const more = heard ? '' : ' The webhook is still to come.';
      return { tone: 'good', title: 'Paid', words: by + more, settled: heard, mayPay: false };
    }
    case 'reversed':
      return { tone: 'bad', title: 'Taken back', words: by, settled: true, mayPay: false };
    case 'failed':
      return { tone: 'bad', title: 'Not paid', words: `${by}${reason}`, settled: true, mayPay: false };
    case 'refused':
      if (isUnderWay(view)) return standingUnderWay(view);
      return {
        tone: 'bad',
        title: 'Card not charged',
        words: `${by}${reason} Another card may be tried.`,
        settled: true,
        mayPay: true,
      };
    case 'open':
      return standingOfOpen(order, view);
  }
}

/** The bank has a payment to decide: the first, or another one after a refusal, given at the same checkout page. */
function isUnderWay(view: GatewayView): boolean {
  return view.ok && view.attempts.some(isOpen);
}

function isOpen({ transaction: { status } }: AttemptView): boolean {
  return status === 'PROCESSING' || status === 'PENDING';
}

function standingUnderWay(view: GatewayView): Standing {
  const asks =
    view.ok &&
    view.attempts.some((attempt) => isOpen(attempt) && attempt.transaction.outcome === 'action_required');
  return asks ? WAITING_FOR_CONFIRMATION : WAITING_FOR_BANK;
}

const WAITING_FOR_BANK: Standing = {
  tone: 'wait',
  title: 'Waiting for the bank',
  words: 'The payment is with the bank. Until its word is known the order is neither paid nor refused.',
  settled: false,
  mayPay: false,
};

const WAITING_FOR_CONFIRMATION: Standing = {
  tone: 'wait',
  title: 'Waiting for the shopper at the bank',
  words: 'The bank asks the shopper, on its page or in the UPI app. If nobody answers it declines in time.',
  settled: false,
  mayPay: false,
};

function standingOfOpen(order: Order, view: GatewayView): Standing {
  if (isUnderWay(view)) return standingUnderWay(view);
  const sent = order.last('session');
  if (sent === undefined || sent.redirectUrl === null) {
    const words = 'Sluice could not be asked for a checkout page. Nothing was charged.';
    return { tone: 'bad', title: 'No checkout', words, settled: true, mayPay: true };
  }
  const returned = order.last('returned');
  if (returned?.to === 'cancel' && returned.at > sent.at) {
    const words = 'The shopper left the checkout. Nothing was charged; the order can still be paid.';
    return { tone: 'plain', title: 'Cancelled', words, settled: true, mayPay: true };
  }
  if (!view.ok) {
    const words = 'Sluice cannot be asked just now. The shop waits for its webhook.';
    return { tone: 'wait', title: 'Not known yet', words, settled: false, mayPay: true };
  }
  const words = 'The shopper is at Sluice’s checkout page and has not paid yet.';
  return { tone: 'wait', title: 'Waiting for the shopper', words, settled: false, mayPay: true };
}

function entry(
  facts: Pick<Entry, 'key' | 'at' | 'voice' | 'title' | 'words'> &
    Partial<Pick<Entry, 'tone' | 'marks' | 'link' | 'folds'>>,
): Entry {
  return { tone: 'plain', marks: [], folds: [], ...facts };
}

function tellNote(note: Note, index: number, verdicts: ReadonlyMap<WebhookNote, WebhookVerdict>): Entry {
  const common = { key: `note-${index}`, at: note.at };
  switch (note.kind) {
    case 'ordered': {
      const name = findProduct(note.productId)?.name ?? note.productId;
      const price = showMoney(note.amount, note.currency);
      return entry({
        ...common,
        voice: 'Shopper',
        title: 'Order placed',
        words: `${name}, ${price}. The shop notes it before it asks anybody anything.`,
      });
    }
    case 'intent':
      return entry({
        ...common,
        voice: 'Shop',
        tone: note.paymentIntentId === null ? 'bad' : 'plain',
        title: note.paymentIntentId === null ? 'No payment intent' : 'Payment intent made',
        words:
          note.paymentIntentId === null
            ? 'Sluice did not take it. The answer is below.'
            : `${note.paymentIntentId}: what is to be paid, told from server to server. The browser never names a price.`,
        marks: callMarks(note.exchanges),
        folds: note.exchanges.flatMap(foldExchange),
      });
    case 'armed':
      return entry({
        ...common,
        voice: 'Bank',
        tone: note.taken ? 'plain' : 'bad',
        title: note.taken ? `Fault armed: ${note.fault}` : `Fault not armed: ${note.fault}`,
        words: note.taken
          ? `The bank is told to go wrong once, at the ${note.step} of this payment.`
          : 'The bank has as many faults waiting as it takes. DELETE /_bank/faults clears them.',
      });
    case 'session':
      return entry({
        ...common,
        voice: 'Shop',
        tone: note.redirectUrl === null ? 'bad' : 'plain',
        title: note.redirectUrl === null ? 'No checkout session' : 'Shopper sent to checkout',
        words:
          note.redirectUrl === null
            ? 'Sluice made none. The answer is below.'
            : 'A session of ten minutes. From here on the shopper talks to Sluice; the shop never sees a card.',
        marks: callMarks(note.exchanges),
        folds: note.exchanges.flatMap(foldExchange),
      });
    case 'returned':
      return entry({
        ...common,
        voice: 'Shopper',
        title: note.to === 'success' ? 'Shopper came back' : 'Shopper cancelled',
        words:
          note.to === 'success'
            ? 'That alone proves nothing: anybody can type this address. So the shop asks Sluice.'
            : 'From the link on the checkout page. Whether something was paid is for Sluice to say.',
      });
    case 'looked':
      return entry({
        ...common,
        voice: 'Shop',
        tone: note.status === 'SUCCESS' ? 'good' : 'bad',
        title: note.status === 'SUCCESS' ? 'Shop asked: paid' : 'Shop asked: not charged',
        words: `GET of the transaction says ${note.status}${note.failureCode === null ? '' : `, ${note.failureCode}`}. Amount, currency and order id are the order’s.`,
      });
    case 'callback':
      return tellCallback(common, note);
    case 'webhook':
      return tellWebhook(common, note, verdicts.get(note) ?? 'not_taken');
    case 'replayed':
      return entry({
        ...common,
        voice: 'Shop',
        title: 'Shop asked for the webhook again',
        words: 'Replay by event id. It comes with the same webhook-id and the same body.',
        marks: callMarks(note.exchanges),
        folds: note.exchanges.flatMap(foldExchange),
      });
    case 'failing':
      return entry({
        ...common,
        voice: 'Shop',
        tone: 'wait',
        title: 'Shop plays dead',
        words: `Webhooks of this order are answered 503 for ${Math.round((note.untilAt - note.at) / 1000)} seconds.`,
      });
  }
}

function tellCallback(common: Pick<Entry, 'key' | 'at'>, note: Extract<Note, { kind: 'callback' }>): Entry {
  const forged = /_forge\w*$/.test(note.eventId);
  const heard = note.status >= 200 && note.status < 300;
  const words = forged
    ? `A lie sent on purpose: ${note.says}. Sluice answered ${note.status}${heard ? ', and holds it against what the bank says itself.' : ' and believes nothing of it.'}`
    : heard
      ? `${note.says}. Sluice answered ${note.status} once its signature was verified and it was on disk.${note.dialect === 'payu' ? ' To Sluice it is a hint to ask PayU.' : ''}`
      : `${note.says}. ${note.status === 0 ? 'No answer came' : `Sluice answered ${note.status}`}; the bank tries again.`;
  const from = note.dialect === undefined || note.dialect === 'plain' ? '' : `${bankOf(note.dialect)}’s `;
  const title = `${forged ? 'Forged ' : ''}${from}callback to Sluice`;
  return entry({
    ...common,
    voice: 'Bank',
    tone: forged || heard ? 'plain' : 'wait',
    title: title.charAt(0).toUpperCase() + title.slice(1),
    words,
    marks: [
      {
        tone: heard ? 'good' : forged ? 'good' : 'bad',
        text: note.status === 0 ? 'no answer' : String(note.status),
      },
    ],
  });
}

const VERDICT_WORDS: Readonly<Record<WebhookVerdict, string>> = {
  first: 'Noted on disk, then answered 204. This is what the order rests on.',
  again: 'The same webhook-id again. Acknowledged, and nothing is done twice.',
  late: 'What it tells is older than what the shop knows already. Acknowledged and not believed over the newer word.',
  not_ours:
    'Rightly signed, but of another amount or currency than the order. Acknowledged, and not believed.',
  not_taken: 'Answered 503, as asked for. Sluice will send it again with the same id.',
};

function tellWebhook(common: Pick<Entry, 'key' | 'at'>, note: WebhookNote, verdict: WebhookVerdict): Entry {
  const paid = note.type === 'payment.succeeded' || note.type === 'payment.recovered';
  const firstTone = paid ? 'good' : 'bad';
  const after = sinceEvent(note);
  return entry({
    ...common,
    voice: 'Sluice',
    tone: verdict === 'first' ? firstTone : verdict === 'not_taken' ? 'wait' : 'plain',
    title: `Webhook ${note.type}`,
    words: VERDICT_WORDS[verdict] + (after === null ? '' : ` It arrived ${after} after what it tells of.`),
    marks: [
      { tone: 'good', text: 'signature verified' },
      ...(verdict === 'again' ? [{ tone: 'plain' as const, text: 'duplicate' }] : []),
      ...(verdict === 'late' ? [{ tone: 'plain' as const, text: 'out of order' }] : []),
      { tone: 'plain', text: `sequence ${note.sequence}` },
      ...(note.answered === 503 ? [{ tone: 'bad' as const, text: '503' }] : []),
    ],
    folds: [
      {
        title: 'Headers',
        text: Object.entries(note.headers)
          .map(([name, value]) => `${name}: ${value}`)
          .join('\n'),
      },
      { title: 'Body', text: prettyText(note.body) },
    ],
  });
}

/** How long after the event the webhook came. */
function sinceEvent(note: WebhookNote): string | null {
  const told = /"timestamp":"([^"]{1,40})"/.exec(note.body)?.[1];
  const ms = told === undefined ? Number.NaN : note.at - Date.parse(told);
  return Number.isNaN(ms) || ms < 0 ? null : showDuration(ms);
}

/** A charge that asked the shopper, or was decided anew later, has more lines in the book, and so two entries here. */
function tellCharge(order: Order, charge: BookEntry): Entry[] {
  const key = `charge-${charge.id}`;
  if (charge.status === 'requires_action') return [{ ...tellAsked(charge, key), ...appOf(charge) }];
  const asked = charge.expiresAt !== undefined;
  const settledLater = charge.decidedAt > charge.createdAt;
  const callback = charge.callback === 'none' ? ' It will not call back.' : '';
  const final = entry({
    key: asked || settledLater ? `${key}-settled` : key,
    at: charge.decidedAt,
    voice: 'Bank',
    tone: charge.status === 'succeeded' ? 'good' : charge.status === 'declined' ? 'bad' : 'wait',
    title: chargeTitle(charge),
    words: `${charge.id}, under the reference ${charge.reference}.${callback}`,
    marks: chargeMarks(order, charge),
  });
  if (asked) return [tellAsked(charge, key), final];
  if (!settledLater) return [final];
  const first = entry({
    key,
    at: charge.createdAt,
    voice: 'Bank',
    tone: 'wait',
    title: `${bankOf(charge.dialect)}’s book: no money yet`,
    words: `${charge.id}. Its answer was not the last word.`,
  });
  return [first, final];
}

/** The money, or why there is none; and the processor's own word where it has a finer one. */
function chargeMarks(order: Order, { status, declineCode, word }: BookEntry): Entry['marks'] {
  const own = word === undefined ? [] : [{ tone: 'plain' as const, text: word }];
  if (status === 'succeeded')
    return [{ tone: 'good', text: showMoney(order.amount, order.currency) }, ...own];
  return declineCode === undefined ? own : [{ tone: 'bad', text: declineCode }, ...own];
}

function tellAsked({ id, dialect, method, createdAt, expiresAt = createdAt }: BookEntry, key: string): Entry {
  const where = method === 'upi' ? 'in the UPI app' : 'on the bank’s page';
  return entry({
    key,
    at: createdAt,
    voice: 'Bank',
    tone: 'wait',
    title: `${bankOf(dialect)}’s book: asks the shopper`,
    words: `${id}. No money moves before the shopper decides ${where}; after ${showDuration(expiresAt - createdAt)} the bank declines it.`,
    marks: [{ tone: 'plain', text: method === 'upi' ? 'UPI' : '3-D Secure' }],
  });
}

/** Processors send the link of a UPI payment to a phone; here a page of the bank is the app. */
function appOf({ id, method }: BookEntry): Pick<Entry, 'link'> {
  return method === 'upi'
    ? { link: { text: 'Open the UPI app, a page of the bank', url: `/upi/${id}` } }
    : {};
}

function chargeTitle({ dialect, status }: BookEntry): string {
  const book = `${bankOf(dialect)}’s book`;
  if (status === 'succeeded') return `${book}: charged`;
  return `${book}: ${status === 'declined' ? 'declined' : 'processing'}`;
}

/** Event types of the gateway that are more than a step. */
const EVENT_TONES: Readonly<Record<string, Tone>> = {
  charged: 'good',
  attempt_succeeded: 'good',
  late_success: 'good',
  declined: 'bad',
  attempt_failed: 'bad',
  action_required: 'wait',
  fell_back: 'wait',
  outcome_unknown: 'wait',
};

/** The shop has no use for what is shown of the card, not even masked. */
function withoutCard(transaction: Transaction): object {
  return { ...transaction, ...(transaction.card === null ? {} : { card: '(left out by the shop)' }) };
}

/** The gateway's own timeline. What all attempts of an intent share is told once. */
function tellGateway(view: Extract<GatewayView, { ok: true }>): Entry[] {
  const told = new Set<string>();
  return view.attempts.flatMap(({ events, transaction }) =>
    events.flatMap((event, index) => {
      const same = `${event.at} ${event.type} ${event.detail}`;
      if (told.has(same)) return [];
      told.add(same);
      const isLast = index === events.length - 1;
      return entry({
        key: `sluice-${transaction.transactionId}-${index}`,
        at: event.at,
        voice: 'Sluice',
        tone: EVENT_TONES[event.type] ?? 'plain',
        title: sentence(event.type),
        words: event.detail,
        marks: event.source === 'sluice' ? [] : [{ tone: 'plain', text: event.source }],
        folds: isLast
          ? [
              {
                title: `Transaction ${transaction.attempt} as GET shows it`,
                text: JSON.stringify(withoutCard(transaction), null, 2),
              },
            ]
          : [],
      });
    }),
  );
}

function tellRefused({ at, what, webhookId }: Arrival): Entry {
  return entry({
    key: `refused-${at}-${webhookId}`,
    at,
    voice: 'Shop',
    tone: 'bad',
    title: 'A webhook was refused',
    words: `It claims to be of this order, and was answered 400: ${what}. Nothing of it is believed.`,
    marks: [{ tone: 'bad', text: 'signature not verified' }],
  });
}

function callMarks(exchanges: readonly Exchange[]): Entry['marks'] {
  return exchanges.map(({ status, durationMs }) => ({
    tone: status !== null && status < 300 ? 'plain' : 'bad',
    text: `${status ?? 'no answer'} in ${showDuration(durationMs)}`,
  }));
}

function foldExchange(exchange: Exchange): Entry['folds'] {
  const { method, path, idempotencyKey, request, status, answer, requestId } = exchange;
  const headers = [
    `${method} ${path}`,
    'Authorization: Bearer … (the shop’s secret key, never shown)',
    ...(idempotencyKey === null ? [] : [`Idempotency-Key: ${idempotencyKey}`]),
  ];
  const answered = [
    status === null ? 'no answer' : `HTTP ${status}`,
    ...(requestId === null ? [] : [`X-Request-Id: ${requestId}`]),
  ];
  return [
    { title: 'Request', text: `${headers.join('\n')}\n\n${JSON.stringify(request, null, 2)}` },
    { title: 'Answer', text: `${answered.join('\n')}\n\n${JSON.stringify(answer, null, 2)}` },
  ];
}

/** `attempt_started` as a title. */
function sentence(type: string): string {
  const words = type.replaceAll(/[._]/g, ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function prettyText(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body), null, 2);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return body;
  }
}

/** `54 ms`, `1.2 s`, `3 min`. */
export function showDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.round(ms / 60_000)} min`;
}
