/**
 * A shopper whom the bank asks: on its 3-D Secure page or in a UPI app. Goes where a browser would be led, page by page, and presses one
 * button.
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
  switch (action.type) {
    case 'redirect':
      await answerAt({ url: action.url, form: null }, choice);
      break;
    case 'form':
      await answerAt({ url: action.url, form: action.fields }, choice);
      break;
    case 'upi_intent': {
      // A UPI link names the charge, and not which bank has it: the other knows nothing of it.
      const id = new URL(action.link).searchParams.get('tr');
      await Promise.all(banks().map(({ url }) => answerAt({ url: `${url}/upi/${id}`, form: null }, choice)));
      break;
    }
    default:
      throw new Error(`no shopper of these campaigns knows what to do with ${action.type}`);
  }
  return true;
}

/** Where a browser goes next: by GET, or with a form it posts. */
interface Step {
  url: string;
  form: Readonly<Record<string, string>> | null;
}

/** More than any bank leads a shopper around. */
const STEPS_MAX = 10;
const BACK_AT_THE_SHOP = '/checkout/return';

/** Ends where the shop's return address has been asked for, where nothing leads on, or where nobody answers, as a shopper may find. */
async function answerAt(first: Step, choice: Choice): Promise<void> {
  let step: Step | null = first;
  for (let steps = 0; step !== null && steps < STEPS_MAX; steps++) {
    const isBack: boolean = step.form === null && new URL(step.url).pathname === BACK_AT_THE_SHOP;
    const page = await open(step);
    step = page === null || isBack ? null : nextStep(page, choice);
  }
}

interface Page {
  url: string;
  location: string | null;
  html: string;
}

async function open({ url, form }: Step): Promise<Page | null> {
  const posted = form === null ? {} : { method: 'POST', body: new URLSearchParams(form) };
  try {
    const answer = await fetch(url, { redirect: 'manual', ...posted });
    return { url, location: answer.headers.get('location'), html: await answer.text() };
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** A redirect, the button of the shopper's choice, or a form that has nothing to choose and posts itself. */
function nextStep({ url, location, html }: Page, choice: Choice): Step | null {
  if (location !== null) return { url: new URL(location, url).href, form: null };
  const [, attributes = '', content = ''] = /<form([^>]*)>([\s\S]*?)<\/form>/.exec(html) ?? [];
  if (attributes === '') return null;
  const fields = hiddenFields(content);
  const isAsked = content.includes('name="choice"');
  if (!isAsked && Object.keys(fields).length === 0) return null;
  const action = new URL(attributeOf(attributes, 'action') ?? url, url).href;
  return { url: action, form: isAsked ? { ...fields, choice } : fields };
}

function hiddenFields(content: string): Record<string, string> {
  const inputs = content.match(/<input[^>]*type="hidden"[^>]*>/g) ?? [];
  return Object.fromEntries(
    inputs.map((input) => [attributeOf(input, 'name') ?? '', attributeOf(input, 'value') ?? '']),
  );
}

function attributeOf(tag: string, name: string): string | null {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1];
  return value?.replace(/&(amp|quot|lt|gt|#39);/g, (_, entity: string) => ENTITIES[entity]!) ?? null;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', quot: '"', lt: '<', gt: '>', '#39': "'" };
