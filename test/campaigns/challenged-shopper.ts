/**
 * A shopper whom the bank asks: on its 3-D Secure page or in a UPI app.
 *
 * @module
 */

import type { World } from '../support/world.ts';
import type { Told } from './logged-shop.ts';

/** `leave`: the shopper never answers, and the bank gives up. */
export type Choice = 'approve' | 'decline' | 'insufficient_funds' | 'leave';

/**
 * Answers what the payment asks of its shopper, as `told` shows it, and comes back to the shop where the bank sends them.
 * @returns whether there was something to answer
 */
export async function answerBank(
  { banks }: Pick<World, 'banks'>,
  told: Told,
  choice: Choice,
): Promise<boolean> {
  const action = told?.body.nextAction ?? null;
  if (action === null) return false;
  if (choice === 'leave') return true;
  // A UPI link names the charge, and not which bank has it: the other knows nothing of it.
  const pages: string[] =
    action.type === 'redirect'
      ? [action.url]
      : banks().map(({ url }) => `${url}/upi/${new URL(action.link).searchParams.get('tr')}`);
  await Promise.all(pages.map((page) => answerAt(page, choice)));
  return true;
}

async function answerAt(page: string, choice: Choice): Promise<void> {
  const sentBackTo = await visit(page, {
    method: 'POST',
    body: new URLSearchParams({ choice }).toString(),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  });
  if (sentBackTo !== null) await visit(sentBackTo);
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
