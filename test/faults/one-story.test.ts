import { describe, expect, test } from 'vitest';
import type { BookLine } from '../support/shop.ts';
import { type AttemptRow, contradictions, type Story } from './one-story.ts';

function row(id: string, over: Partial<AttemptRow> = {}): AttemptRow {
  return {
    id,
    intent: 'i',
    attempt: Number(id.slice(-1)),
    status: 'SUCCESS',
    reopenable: false,
    intentStatus: 'SUCCESS',
    amount: 100,
    currency: 'INR',
    ...over,
  };
}

function line(reference: string, over: Partial<BookLine> = {}): BookLine {
  return {
    id: 'ch',
    reference,
    amount: 100,
    currency: 'INR',
    status: 'succeeded',
    effect: 'charged',
    ...over,
  };
}

const declined = row('t1', { status: 'FAILED', reopenable: true });
const RIGHT: Story = {
  attempts: [declined, row('t2')],
  book: [line('t1', { status: 'declined', effect: 'none' }), line('t2')],
  successEvents: ['t2'],
};

test('what agrees has no contradictions', () => {
  expect(contradictions(RIGHT)).toEqual([]);
  expect(contradictions({ attempts: [], book: [], successEvents: [] })).toEqual([]);
});

describe('is found', () => {
  test.each<[string, Partial<Story>, RegExp]>([
    ['a second charge of one attempt', { book: [line('t2'), line('t2')] }, /^intent i is charged 2 times/],
    [
      'a second charge by another attempt',
      {
        attempts: [row('t1', { reopenable: true }), row('t2')],
        book: [line('t1'), line('t2')],
        successEvents: ['t1', 't2'],
      },
      /^intent i is charged 2 times/,
    ],
    ['a charge of a failed attempt', { book: [line('t1'), line('t2')] }, /^t1 is FAILED with 1 charges/],
    ['a success that is not booked', { book: [] }, /^t2 is SUCCESS with 0 charges/],
    ['a charge nobody knows', { book: [line('t2'), line('t9')] }, /^t9 is charged or told of/],
    ['another amount', { book: [line('t2', { amount: 99 })] }, /charged 99 INR/],
    ['a success told twice', { successEvents: ['t2', 't2'] }, /2 events of success/],
    ['a success not told', { successEvents: [] }, /0 events of success/],
    ['an open attempt', { attempts: [declined, row('t2', { status: 'SENT' })] }, /^t2 is open/],
    [
      'a paid intent that does not say so',
      { attempts: [declined, row('t2', { intentStatus: 'FAILED' })] },
      /^intent i is FAILED with 1 charges/,
    ],
    [
      'an intent closed by an attempt that may be repeated',
      {
        attempts: [row('t1', { status: 'FAILED', reopenable: true, intentStatus: 'FAILED' })],
        book: [],
        successEvents: [],
      },
      /^intent i is FAILED, its attempts say PENDING/,
    ],
    [
      'an attempt after one that closed the intent',
      { attempts: [row('t1', { status: 'FAILED' }), row('t2')] },
      /^intent i was tried again/,
    ],
  ])('%s', (_, wrong, expected) => {
    expect(contradictions({ ...RIGHT, ...wrong })).toContainEqual(expect.stringMatching(expected));
  });
});
