/**
 * The test cards: which number makes the bank do what.
 *
 * Every Luhn-valid card succeeds unless it is named here. Declines are two exact numbers of the requirements; every other
 * behaviour is a BIN of eight digits, so that thousands of different cards share it. ../README.md shows this table to people.
 * @module
 */

import { BIN_LENGTH, cardNumber } from '../card-numbers.ts';
import type { AnswerManner, Funding } from '../dialect.ts';

/** What a card makes the bank do. */
export interface CardBehaviour {
  /** One full number of this behaviour. */
  readonly example: string;
  readonly funding: Funding;
  /** Whether the shopper is asked on the bank's page first (3-D Secure). */
  readonly asks: boolean;
  /** What the bank decides: at once, or when the shopper who is asked approves. */
  readonly status: 'succeeded' | 'declined' | 'processing';
  readonly declineCode?: string;
  readonly answer: AnswerManner;
  /** Whether the bank calls back on its own. */
  readonly callback: boolean;
  /** Whether a processing charge succeeds when its callback is due. */
  readonly settles: boolean;
  /** For the page at `GET /`. */
  readonly words: string;
}

const success: CardBehaviour = {
  example: '4111111111111111',
  funding: 'credit',
  asks: false,
  status: 'succeeded',
  answer: 'plain',
  callback: true,
  settles: false,
  words: 'success (so does every Luhn-valid card not named here)',
};

const byNumber: ReadonlyMap<string, CardBehaviour> = new Map(
  [
    {
      ...success,
      example: '4000000000000002',
      status: 'declined' as const,
      declineCode: 'card_declined',
      words: 'declined: card_declined',
    },
    {
      ...success,
      example: '4000000000000119',
      status: 'declined' as const,
      declineCode: 'insufficient_funds',
      words: 'declined: insufficient_funds',
    },
  ].map((behaviour) => [behaviour.example, behaviour]),
);

const byBin: ReadonlyMap<string, CardBehaviour> = new Map(
  [
    {
      ...success,
      example: cardNumber('40000080', 0),
      funding: 'debit' as const,
      words: 'success, a debit card',
    },
    {
      ...success,
      example: cardNumber('40000081', 0),
      asks: true,
      words: '3-D Secure, then success when approved',
    },
    {
      ...success,
      example: cardNumber('40000082', 0),
      asks: true,
      status: 'declined' as const,
      declineCode: 'insufficient_funds',
      words: '3-D Secure, then declined although approved: insufficient_funds',
    },
    {
      ...success,
      example: cardNumber('40000083', 0),
      asks: true,
      status: 'processing' as const,
      settles: true,
      words: '3-D Secure, when approved processing, then success by callback',
    },
    {
      ...success,
      example: cardNumber('40000090', 0),
      status: 'declined' as const,
      declineCode: 'acquirer_unavailable',
      words: 'declined for the bank’s own trouble: acquirer_unavailable',
    },
    {
      ...success,
      example: cardNumber('40000091', 0),
      status: 'processing' as const,
      callback: false,
      words: 'processing for ever, no callback',
    },
    {
      ...success,
      example: cardNumber('40000092', 0),
      status: 'processing' as const,
      settles: true,
      words: 'processing, then success by callback',
    },
    {
      ...success,
      example: cardNumber('40000093', 0),
      callback: false,
      words: 'success answer, no callback ever',
    },
    {
      ...success,
      example: cardNumber('40000094', 0),
      answer: 'lost' as const,
      callback: false,
      words: 'charged, answer lost, no callback',
    },
    {
      ...success,
      example: cardNumber('40000095', 0),
      answer: 'lost' as const,
      words: 'charged, answer lost, callback comes',
    },
    {
      ...success,
      example: cardNumber('40000096', 0),
      answer: 'late' as const,
      words: 'charged, answer after 60 s, callback comes',
    },
    {
      ...success,
      example: cardNumber('40000097', 0),
      answer: 'error500' as const,
      words: 'charged, answered with HTTP 500, callback comes',
    },
    {
      ...success,
      example: cardNumber('40000098', 0),
      answer: 'html502' as const,
      callback: false,
      words: 'not charged, 502 with an HTML page',
    },
  ].map((behaviour) => [behaviour.example.slice(0, BIN_LENGTH), behaviour]),
);

/** Every documented behaviour, in the order of README.md. */
export const documentedCards: readonly CardBehaviour[] = [success, ...byNumber.values(), ...byBin.values()];

/** The behaviour of a Luhn-valid card number; of the first digits the book keeps, where all cards with them behave alike. */
export function behaviourOf(number: string): CardBehaviour {
  return byNumber.get(number) ?? byBin.get(number.slice(0, BIN_LENGTH)) ?? success;
}
