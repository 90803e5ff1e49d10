/**
 * The routes of payment intents: create, confirm, capture, cancel, and what became of them.
 *
 * Each change of an intent is made alone: who comes while another request works on it is told `lock_timeout`.
 * @module
 */
import { type Answer, answer } from '../answers.ts';
import type { Charge } from '../book.ts';
import type { ChargeVoice, Desk, Order } from '../dialect.ts';
import { termsOf } from './account.ts';
import { stripeCardOf } from './cards.ts';
import {
  internalError,
  invalidRequest,
  keyReused,
  missing,
  type StripeError,
  unavailable,
} from './errors.ts';
import { errorOfFailure, failureOf } from './failures.ts';
import type { IdempotencyKeys } from './idempotency.ts';
import {
  type Confirmation,
  checkConfirmable,
  checkList,
  checkRetrieve,
  readCancel,
  readCapture,
  readConfirm,
  readCreate,
} from './intent-params.ts';
import {
  type AttemptFacts,
  factsOf,
  hasCharge,
  type Intent,
  type IntentStatus,
  methodOf,
  newIntent,
  referenceOf,
  type Standing,
  statusOf,
} from './intents.ts';
import type { Ledger } from './ledger.ts';
import { isWithin, pageOf } from './paging.ts';
import type { OrderedMethod } from './payment-method.ts';
import { type Call, refusal, repeated, replyWith } from './replies.ts';
import { cancellation, capture } from './rules.ts';
import { showIntent, showList, standingOfCharge } from './show.ts';

const CONFIRMABLE: readonly IntentStatus[] = ['requires_payment_method', 'requires_confirmation'];
const CANCELABLE: readonly IntentStatus[] = [
  'requires_payment_method',
  'requires_capture',
  'requires_confirmation',
  'requires_action',
];

const LOCK_TIMEOUT: StripeError = invalidRequest(
  'This object cannot be accessed right now because another API request or Stripe process is currently accessing it. If you see this error intermittently, retry the request. If you see this error frequently and are making multiple concurrent requests to a single object, make your requests serially or at a lower rate.',
  { status: 429, code: 'lock_timeout' },
);

export class IntentRoutes {
  readonly #desk: Desk;
  readonly #ledger: Ledger;
  readonly #keys: IdempotencyKeys;

  constructor(parts: { readonly desk: Desk; readonly ledger: Ledger; readonly keys: IdempotencyKeys }) {
    this.#desk = parts.desk;
    this.#ledger = parts.ledger;
    this.#keys = parts.keys;
  }

  /** `POST /v1/payment_intents` */
  async create(call: Call): Promise<void> {
    const { account, params, requestId, key } = call;
    const now = this.#desk.clock();
    const read = readCreate(params, termsOf(call.account).rawCardData, now);
    if (!read.ok) return answer(call.response, refusal(call, read.error));
    const { confirm, confirmation } = read.value;
    const request = { id: requestId, idempotency_key: key?.key ?? null };
    const intent = newIntent(account.account, read.value, request, now);
    if (confirm && confirmation.method !== undefined) {
      return await this.#during(call, async () => {
        // A replay finds the charge of the first: its intent is not made again.
        const known = this.#bookedUnder(call);
        if (known === undefined) await this.#ledger.add(intent, true, undefined);
        await this.#attempt(call, intent, confirmation, confirmation.method!);
      });
    }
    await this.#execute(call, async () => {
      await this.#ledger.add(intent, false, confirmation.method);
      return this.#show(call, this.#ledger.find(account.account, intent.id)!);
    });
  }

  /** `POST /v1/payment_intents/:id/confirm` */
  async confirm(call: Call, id: string): Promise<void> {
    const read = readConfirm(call.params, termsOf(call.account).rawCardData, this.#desk.clock());
    if (!read.ok) return answer(call.response, refusal(call, read.error));
    const kept = call.key && this.#keys.keptOf(call.key);
    if (kept !== undefined) return answer(call.response, repeated(call, kept, true));
    const booked = this.#bookedUnder(call);
    if (booked !== undefined) return await this.#execute(call, async () => await this.#late(call, booked));
    await this.#alone(call, id, async (standing) => {
      const method = read.value.method ?? this.#ledger.attachedTo(id);
      const problem = CONFIRMABLE.includes(statusOf(standing))
        ? checkConfirmable(standing.intent, { method, returnUrl: read.value.returnUrl })
        : unexpectedState('confirm', standing, CONFIRMABLE);
      if (problem !== undefined) {
        return answer(call.response, refusal(call, problem, this.#shown(standing)));
      }
      const { captureMethod = standing.intent.captureMethod } = read.value;
      const intent = { ...standing.intent, captureMethod };
      await this.#during(call, () => this.#attempt(call, intent, read.value, method!));
    });
  }

  /** `POST /v1/payment_intents/:id/capture` */
  async capture(call: Call, id: string): Promise<void> {
    const read = readCapture(call.params);
    if (!read.ok) return answer(call.response, refusal(call, read.error));
    await this.#alone(call, id, (standing) =>
      this.#execute(call, async () => {
        const { attempt } = standing;
        const amount = read.value.amount ?? attempt?.amount ?? 0;
        if (attempt !== undefined && amount > attempt.amount && statusOf(standing) === 'requires_capture') {
          const message = `The amount_to_capture must be no more than ${attempt.amount}.`;
          const error = invalidRequest(message, { code: 'amount_too_large', param: 'amount_to_capture' });
          return refusal(call, error, this.#shown(standing));
        }
        const done =
          attempt !== undefined &&
          statusOf(standing) === 'requires_capture' &&
          this.#desk.decide(attempt, capture(attempt, amount, read.value.metadata));
        return await this.#changed(call, 'capture', id, done, ['requires_capture']);
      }),
    );
  }

  /** `POST /v1/payment_intents/:id/cancel` */
  async cancel(call: Call, id: string): Promise<void> {
    const read = readCancel(call.params);
    if (!read.ok) return answer(call.response, refusal(call, read.error));
    const reason = read.value ?? null;
    await this.#alone(call, id, (standing) =>
      this.#execute(call, async () => {
        const { attempt } = standing;
        const may = CANCELABLE.includes(statusOf(standing));
        if (may && attempt === undefined) {
          const request = { id: call.requestId, idempotency_key: call.key?.key ?? null };
          await this.#ledger.cancelUntried(id, { at: this.#desk.clock(), reason, request });
        }
        const done =
          may && (attempt === undefined || this.#desk.decide(attempt, cancellation(attempt, reason)));
        return await this.#changed(call, 'cancel', id, done, CANCELABLE);
      }),
    );
  }

  /** `GET /v1/payment_intents/:id` */
  async retrieve(call: Call, id: string): Promise<void> {
    const problem = checkRetrieve(call.params);
    if (problem !== undefined) return answer(call.response, refusal(call, problem));
    const standing = this.#ledger.find(call.account.account, id);
    const attempt = standing?.attempt;
    const unknown = () => refusal(call, missing('payment_intent', id, 'intent'));
    await this.#desk.query(
      call.response,
      {
        reference: standing === undefined ? id : (attempt?.reference ?? referenceOf(standing.intent)),
        charges: attempt === undefined ? [] : [attempt],
      },
      {
        found: ([charge]) => this.#show(call, withAttempt(standing!, charge!)),
        notFound: () =>
          standing === undefined || attempt !== undefined ? unknown() : this.#show(call, standing),
        internalError: () => refusal(call, internalError),
      },
    );
  }

  /** `GET /v1/payment_intents`, newest first */
  async list(call: Call): Promise<void> {
    const problem = checkList(call.params);
    if (problem !== undefined) return answer(call.response, refusal(call, problem));
    const found = this.#ledger
      .all(call.account.account)
      .filter(({ intent }) => isWithin(call.params, intent.createdAt));
    const page = pageOf(found, ({ intent }) => intent.id, call.params, 'payment_intent');
    if (!page.ok) return answer(call.response, refusal(call, page.error));
    const attempts = page.items.flatMap(({ attempt }) => attempt ?? []);
    const listed = (data: readonly Standing[], hasMore: boolean) =>
      replyWith(
        call,
        showList(
          data.map((one) => this.#shown(one)),
          hasMore,
          '/v1/payment_intents',
        ),
      );
    await this.#desk.query(
      call.response,
      { reference: attempts[0]?.reference ?? '', charges: attempts },
      {
        found: (charges) => {
          const byId = new Map(charges.map((charge) => [charge.id, charge]));
          const now = page.items.flatMap((standing) => {
            if (standing.attempt === undefined) return standing;
            const charge = byId.get(standing.attempt.id);
            return charge === undefined ? [] : withAttempt(standing, charge);
          });
          return listed(now, page.hasMore);
        },
        notFound: () => (attempts.length > 0 ? listed([], false) : listed(page.items, page.hasMore)),
        internalError: () => refusal(call, internalError),
      },
    );
  }

  /** Books an attempt and answers with what became of it. */
  async #attempt(call: Call, intent: Intent, asked: Confirmation, method: OrderedMethod): Promise<void> {
    const order = this.#orderOf(call, intent, asked, method);
    await this.#desk.charge(call.response, call.account, order, this.#voiceOf(call));
  }

  /** The charge that a key has already. */
  #bookedUnder({ account, key }: Call): Charge | undefined {
    return key === undefined ? undefined : this.#desk.book.find(account.account, keyOfCharge(key.key));
  }

  /** What became of an attempt that was booked when its caller had gone. */
  async #late(call: Call, charge: Charge): Promise<Answer> {
    await charge.written;
    return this.#answerOf(call, charge);
  }

  #orderOf(call: Call, intent: Intent, asked: Confirmation, method: OrderedMethod): Order {
    const { data } = method;
    const card = data.type === 'card' ? stripeCardOf(data.number) : undefined;
    const facts: AttemptFacts = {
      intent,
      ordinal: this.#ledger.attemptsOf(intent).length + 1,
      method: methodOf(method),
      request: { id: call.requestId, idempotency_key: call.key?.key ?? null },
      authenticates:
        card === undefined ||
        card.authentication === 'required' ||
        (card.authentication === 'optional' && asked.wantsAuthentication),
      offSession: asked.offSession,
      errorOnRequiresAction: asked.errorOnRequiresAction,
      outcome: card?.outcome ?? 'succeeded',
      settles: card?.settles ?? false,
      callsBack: card?.callback ?? true,
      returnUrl: asked.returnUrl ?? null,
      authorized: false,
      captured: null,
      cancellationReason: null,
      untold: true,
    };
    return {
      reference: referenceOf(intent),
      key: call.key === undefined ? undefined : keyOfCharge(call.key.key),
      amount: intent.amount,
      currency: intent.currency.toUpperCase(),
      method:
        data.type === 'upi'
          ? { type: 'upi' }
          : {
              type: 'card',
              number: data.number,
              expiryMonth: data.expMonth,
              expiryYear: data.expYear,
              funding: card?.funding ?? 'credit',
            },
      returnUrl: asked.returnUrl,
      facts,
    };
  }

  #voiceOf(call: Call): ChargeVoice {
    return {
      charge: (charge, replayed) => {
        const kept = call.key && this.#keys.keptOf(call.key);
        // What a fault makes of the charge is no answer that was kept.
        const genuine = this.#desk.book.findById(charge.id) === charge;
        if (kept !== undefined && genuine) return repeated(call, kept, replayed);
        return this.#answerOf(call, charge);
      },
      reused: () => refusal(call, keyReused(call.key?.key ?? '')),
      unavailable: () => refusal(call, unavailable),
      internalError: () => refusal(call, internalError),
      ...(call.key === undefined ? {} : { keep: (word) => this.#keep(call, word) }),
    };
  }

  async #keep({ key, requestId }: Call, word: Answer): Promise<void> {
    if (key !== undefined) await this.#keys.keep(key, word, requestId, this.#desk.clock());
  }

  /** 200 with the intent, or why the attempt failed and the intent as it stands now. */
  #answerOf(call: Call, charge: Charge): Answer {
    const standing = standingOfCharge(charge);
    const failure = failureOf(charge);
    if (statusOf(standing) === 'canceled') {
      return refusal(call, unexpectedState('confirm', standing, CONFIRMABLE), this.#shown(standing));
    }
    if (failure === undefined) return this.#show(call, standing);
    const error = errorOfFailure(failure, hasCharge(charge) ? charge.id : undefined);
    return refusal(call, error, this.#shown(standing));
  }

  /** The intent after a change, or why there was none: whoever decided first has decided. */
  async #changed(
    call: Call,
    verb: 'capture' | 'cancel',
    id: string,
    done: boolean,
    allowed: readonly IntentStatus[],
  ): Promise<Answer> {
    const standing = this.#ledger.find(call.account.account, id)!;
    await standing.attempt?.written;
    if (done) return this.#show(call, standing);
    return refusal(call, unexpectedState(verb, standing, allowed), this.#shown(standing));
  }

  /** Works alone on an intent that exists. */
  async #alone(call: Call, id: string, work: (standing: Standing) => Promise<void>): Promise<void> {
    const { account } = call.account;
    const unknown = () => answer(call.response, refusal(call, missing('payment_intent', id, 'intent')));
    if (this.#ledger.find(account, id) === undefined) return unknown();
    const done = await this.#ledger.alone(id, async () => {
      const standing = this.#ledger.find(account, id);
      if (standing === undefined) return unknown();
      await work(standing);
    });
    if (done === null) answer(call.response, refusal(call, LOCK_TIMEOUT));
  }

  /** Holds the key while it works. */
  async #during({ key }: Call, work: () => Promise<void>): Promise<void> {
    if (key === undefined) await work();
    else await this.#keys.during(key, work);
  }

  /** Executes what books nothing at once: once per key. */
  async #execute(call: Call, work: () => Promise<Answer>): Promise<void> {
    await executeOnce(this.#keys, call, this.#desk.clock, work);
  }

  #show(call: Call, standing: Standing): Answer {
    return replyWith(call, this.#shown(standing));
  }

  #shown(standing: Standing): object {
    return showIntent(standing, this.#desk.bankUrl());
  }
}

/** Executes once per key, keeps the answer and answers; a key that is known is answered as before. */
export async function executeOnce(
  keys: IdempotencyKeys,
  call: Call,
  clock: () => number,
  work: () => Promise<Answer>,
): Promise<void> {
  const { key, response, requestId } = call;
  if (key === undefined) return answer(response, await work());
  const kept = keys.keptOf(key);
  if (kept !== undefined) return answer(response, repeated(call, kept, true));
  await keys.during(key, async () => {
    const word = await work();
    await keys.keep(key, word, requestId, clock());
    answer(response, word);
  });
}

/** The key of the book: a second charge under one idempotency key is none. */
function keyOfCharge(key: string): string {
  return `idempotency-key ${key}`;
}

function withAttempt(standing: Standing, attempt: Charge): Standing {
  return { ...standing, attempt, intent: factsOf(attempt).intent };
}

function unexpectedState(
  verb: 'cancel' | 'capture' | 'confirm',
  standing: Standing,
  allowed: readonly IntentStatus[],
): StripeError {
  const done = { cancel: 'canceled', capture: 'captured', confirm: 'confirmed' }[verb];
  return invalidRequest(
    `You cannot ${verb} this PaymentIntent because it has a status of ${statusOf(standing)}. Only a PaymentIntent with one of the following statuses may be ${done}: ${allowed.join(', ')}.`,
    { code: 'payment_intent_unexpected_state' },
  );
}
