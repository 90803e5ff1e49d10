/**
 * Babel: a dialect for tests of the core, with everything that plain has not: charges without keys, facts, two events per
 * success, a signature within a form, a form as the way back, one-time passwords, charges that change by themselves.
 *
 * The amount decides: {@link LATE} is declined and succeeds {@link LATE_MS} later, {@link HELD} waits for a capture, {@link ASKED}
 * asks the shopper, {@link OPEN} is declined and may be decided anew, any other succeeds.
 * @module
 */
import { createHmac, randomUUID } from 'node:crypto';
import { answer, jsonOf } from '../answers.ts';
import { readJson } from '../body.ts';
import type { Charge } from '../book.ts';
import {
  type Account,
  type Decision,
  type Desk,
  type Dialect,
  type Letter,
  type Order,
  otherThan,
  type Routes,
} from '../dialect.ts';
import type { Records } from '../records.ts';

export const LATE = 201;
export const HELD = 202;
export const ASKED = 203;
export const OPEN = 204;
export const LATE_MS = 700;

interface BabelRequest {
  readonly reference: string;
  readonly amount: number;
  readonly note: string;
  readonly key?: string;
  readonly returnUrl?: string;
}

export function openBabel(): { readonly babel: Dialect; readonly kept: Records<string>[] } {
  const kept: Records<string>[] = [];
  const babel: Dialect = {
    name: 'stripe',
    processor: 'STRIPE',
    cannotSettle: [],
    testCards: [],
    open: async (desk) => {
      const answers = await desk.openRecords<string>('answers');
      kept.push(answers);
      return routesOf(desk, answers);
    },
    newId: () => `babel_${randomUUID().slice(0, 8)}`,
    decide: ({ amount }) => decide(amount),
    decideAsked: (_, choice) =>
      choice === 'approve'
        ? { status: 'succeeded', callback: true }
        : { status: 'declined', declineCode: choice, callback: true },
    decideLater: ({ facts }) => ({
      status: 'succeeded',
      word: 'late',
      callback: true,
      facts: { ...facts, late: true },
    }),
    letters,
    leadBack: ({ id, status }, _, url) => ({ via: 'form', url, fields: { id, status } }),
    leadBackForged: ({ id }, _, url) => ({ via: 'form', url, fields: { id: otherThan(id), status: 'lie' } }),
    ofAnother: (charge) => ({ ...charge, reference: otherThan(charge.reference) }),
    isRightOtp: (otp) => otp.length >= 4,
  };
  return { babel, kept };
}

function decide(amount: number): Decision {
  switch (amount) {
    case LATE:
      return { status: 'declined', declineCode: 'timed_out', callback: true, changesMs: LATE_MS };
    case OPEN:
      return { status: 'declined', declineCode: 'no', callback: false, open: true };
    case HELD:
      return { status: 'processing', word: 'held', callback: true };
    case ASKED:
      return { status: 'requires_action', callback: false };
    default:
      return { status: 'succeeded', callback: true };
  }
}

/** `paid` comes with `done`; any other status is one event. */
function letters(charge: Charge, account: Account, mark: string): Letter[] {
  const types = charge.status === 'succeeded' ? ['done', 'paid'] : [charge.status];
  return types.map((type) => {
    const { id, reference, amount } = charge;
    const fields = { type, id, reference, amount: String(amount), account: account.account };
    const content = new URLSearchParams(fields).toString();
    return {
      eventId: `${id}_${type}${mark}`,
      type,
      contentType: 'application/x-www-form-urlencoded',
      content,
      seal: (_, signed = content) => ({
        headers: '',
        body: `${content}&hash=${hashOf(account.webhookSecret, signed)}`,
      }),
    };
  });
}

/** What signs a form. */
export function hashOf(secret: string, content: string): string {
  return createHmac('sha256', secret).update(content).digest('hex');
}

function show({ id, reference, status, word, facts }: Charge): object {
  return { id, reference, status, word: word ?? null, facts };
}

function routesOf(desk: Desk, answers: Records<string>): Routes {
  const account = desk.accounts[0]!;
  const internalError = () => jsonOf(500, { babel: 'oops' });
  return {
    owns: (path) => path.startsWith('/babel'),
    answer: async (request, response, path, query) => {
      const [, , id = '', act = ''] = path.split('/');
      if (request.method === 'GET') {
        const reference = query.get('reference') ?? '';
        const charges = desk.book.findByReference(account.account, reference);
        return await desk.query(
          response,
          { reference, charges },
          {
            found: (found) => jsonOf(200, found.map(show)),
            notFound: () => jsonOf(200, []),
            internalError,
          },
        );
      }
      if (act !== '') {
        const charge = desk.book.findById(id)!;
        const decision: Decision =
          act === 'capture'
            ? { status: 'succeeded', callback: true }
            : { status: 'declined', word: 'cancelled', callback: true };
        const done = desk.decide(charge, decision);
        await charge.written;
        return answer(response, jsonOf(done ? 200 : 409, show(charge)));
      }
      const body = await readJson(request, response);
      if (body === null) return;
      const { reference, amount, note, key, returnUrl } = body.value as BabelRequest;
      const order: Order = {
        reference,
        key,
        amount,
        currency: 'INR',
        method: { type: 'card', number: '4111111111111111', expiryMonth: 1, expiryYear: 2040 },
        returnUrl: returnUrl ?? 'http://127.0.0.1:9/back',
        facts: { note },
      };
      await desk.charge(response, account, order, {
        charge: (charge) => jsonOf(200, show(charge)),
        reused: () => jsonOf(409, { babel: 'another' }),
        unavailable: () => jsonOf(503, { babel: 'later' }),
        internalError,
        keep: ({ status, body: text }, charge) => answers.put(charge.id, `${status} ${text}`),
      });
    },
  };
}
