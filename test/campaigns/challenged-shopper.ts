/**
 * A shopper whom the bank asks: on its 3-D Secure page or in a UPI app.
 *
 * @module
 */

import type { Told } from './logged-shop.ts';

/** `leave`: the shopper never answers, and the bank gives up. */
export type Choice = 'approve' | 'decline' | 'leave';

/**
 * Answers what the payment asks of its shopper, as `told` shows it, and comes back to the shop where the bank sends them.
 * @returns whether there was something to answer
 */
export async function answerBank(told: Told, choice: Choice): Promise<boolean> {
  const action = told?.body.nextAction;
  if (action?.type !== 'redirect') return false;
  if (choice === 'leave') return true;
  const sentBackTo = await visit(action.url, {
    method: 'POST',
    body: new URLSearchParams({ choice }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  if (sentBackTo !== null) await visit(sentBackTo);
  return true;
}

/** Resolves with where the page sends its visitor; null: nowhere, or there was no answer, as a shopper may find. */
async function visit(url: string, init: RequestInit = {}): Promise<string | null> {
  try {
    const answer = await fetch(url, { redirect: 'manual', ...init });
    await answer.arrayBuffer();
    return answer.headers.get('location');
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
