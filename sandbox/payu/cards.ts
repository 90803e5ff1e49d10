/**
 * The test cards: which number makes the bank do what when it speaks as PayU.
 *
 * PayU publishes cards that succeed and none that fail. Those succeed here after 3-D Secure; failures are BINs of the
 * sandbox's own range, with plain's meaning where it has one. README.md shows this table to people.
 * @module
 */
import { BIN_LENGTH, cardNumber } from '../card-numbers.ts';
import type { Decision, TestCard } from '../dialect.ts';
import { after, CAPTURED, failure, LATE_MS, PENDING, SETTLING } from './standings.ts';

/** What a card makes the bank do. */
export interface CardBehaviour extends TestCard {
  /** Whether the shopper is asked on the bank's page first (3-D Secure). */
  readonly asks: boolean;
  /** What the bank decides: at once, or when the shopper who is asked approves. */
  readonly decision: Decision;
  /** What becomes of a payment whose decision changes by itself. */
  readonly later?: Decision;
  /** Rupees that the bank puts on top. */
  readonly additionalCharges?: string;
}

const success: CardBehaviour = {
  example: '4111111111111111',
  asks: false,
  decision: CAPTURED,
  words: 'captured (so is every Luhn-valid card not named here)',
};

const PUBLISHED = [
  '5123456789012346',
  '4012001037141112',
  '5497774415170603',
  '6082015309577308',
  '370295061673669',
  '5118700000000003',
  '4594538050639999',
  '4012000000002004',
].map((example) => ({ ...success, example, asks: true, words: '3-D Secure, then captured when approved' }));

const byNumber: ReadonlyMap<string, CardBehaviour> = new Map(
  [
    ...PUBLISHED,
    {
      ...success,
      example: '4000000000000002',
      decision: failure('E312'),
      words: 'failed E312: declined by the issuer',
    },
    {
      ...success,
      example: '4000000000000119',
      decision: failure('E706'),
      words: 'failed E706: insufficient funds',
    },
  ].map((behaviour) => [behaviour.example, behaviour]),
);

const byBin: ReadonlyMap<string, CardBehaviour> = new Map(
  [
    bin('40000079', 'failed E803: no gateway of the account takes it', { decision: failure('E803') }),
    bin('40000081', '3-D Secure, then captured when approved', { asks: true }),
    bin('40000082', '3-D Secure, then failed E706 although approved', {
      asks: true,
      decision: failure('E706'),
    }),
    bin('40000083', '3-D Secure, when approved pending, then captured', { asks: true, decision: SETTLING }),
    bin('40000084', '3-D Secure, then failed E300 although approved', {
      asks: true,
      decision: failure('E300'),
    }),
    bin('40000085', 'failed E311: expired card', { decision: failure('E311') }),
    bin('40000086', `dropped E209, captured ${LATE_MS / 1000} s later`, {
      decision: after(LATE_MS, failure('E209', 'dropped')),
      later: CAPTURED,
    }),
    bin('40000087', `dropped E209, autoRefund ${LATE_MS / 1000} s later`, {
      decision: after(LATE_MS, failure('E209', 'dropped')),
      later: failure('E209', 'autoRefund'),
    }),
    bin('40000088', 'failed E307: refused for its risk', { decision: failure('E307') }),
    bin('40000089', 'captured, with additional charges of 10.00', { additionalCharges: '10.00' }),
    bin('40000090', 'dropped E500, for ever: the bank’s own trouble', {
      decision: failure('E500', 'dropped'),
    }),
    bin('40000091', 'pending for ever, no callback', { decision: PENDING }),
    bin('40000092', 'pending, then captured when the callback is due', { decision: SETTLING }),
    bin('40000093', 'captured, no callback ever', { decision: { ...CAPTURED, callback: false } }),
    bin('40000094', 'captured, answer lost, no callback', {
      decision: { ...CAPTURED, callback: false, answer: 'lost' },
    }),
    bin('40000095', 'captured, answer lost, callback comes', { decision: { ...CAPTURED, answer: 'lost' } }),
    bin('40000096', 'captured, answer after 60 s, callback comes', {
      decision: { ...CAPTURED, answer: 'late' },
    }),
    bin('40000097', 'captured, answered with HTTP 500, callback comes', {
      decision: { ...CAPTURED, answer: 'error500' },
    }),
    bin('40000098', 'not charged, 502 with an HTML page', {
      decision: { ...CAPTURED, callback: false, answer: 'html502' },
    }),
  ].map((behaviour) => [behaviour.example.slice(0, BIN_LENGTH), behaviour]),
);

/** Every documented behaviour, in the order of README.md. */
export const documentedCards: readonly CardBehaviour[] = [success, ...byNumber.values(), ...byBin.values()];

/** The behaviour of a Luhn-valid card number. */
export function behaviourOf(number: string): CardBehaviour {
  return byNumber.get(number) ?? behaviourOfBin(number.slice(0, BIN_LENGTH));
}

/** The behaviour of the first digits the book keeps. What a charge that waited becomes never hangs on more than these. */
export function behaviourOfBin(digits: string): CardBehaviour {
  return byBin.get(digits) ?? success;
}

function bin(
  digits: string,
  words: string,
  behaviour: Partial<Omit<CardBehaviour, 'example' | 'words'>>,
): CardBehaviour {
  return { ...success, ...behaviour, example: cardNumber(digits, 0), words };
}
