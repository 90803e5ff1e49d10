/**
 * Tills: through whom an order may be paid. Each is a merchant of its own at Sluice, with its account at one processor.
 *
 * All of them end at this bank, which speaks as each processor does.
 * @module
 */
import type { DialectName } from '../dialect.ts';
import type { ShopCurrency } from './catalogue.ts';

/** Named as the way the bank speaks there. */
export type TillName = DialectName;

export interface Till {
  readonly name: TillName;
  readonly title: string;
  /** What is different here, for whoever chooses. */
  readonly words: string;
  readonly currencies: readonly ShopCurrency[];
}

export const tills: readonly Till[] = [
  {
    name: 'plain',
    title: 'Sandbox bank',
    words: 'One request charges, one signed callback confirms.',
    currencies: ['INR', 'JPY'],
  },
  {
    name: 'razorpay',
    title: 'Razorpay',
    words: 'An order first, then a payment of it: by the bank’s page, a one-time password or UPI.',
    currencies: ['INR', 'JPY'],
  },
  {
    name: 'payu',
    title: 'PayU',
    words: 'Forms and hashes both ways. Nothing is believed before PayU was asked. Rupees only.',
    currencies: ['INR'],
  },
  {
    name: 'stripe',
    title: 'Stripe',
    words: 'A payment intent under an idempotency key, and a signed event for each of its steps.',
    currencies: ['INR', 'JPY'],
  },
];

const byName = new Map<string, Till>(tills.map((till) => [till.name, till]));
const [plain] = tills;

/** The till of a name; the plain one of any other, and of orders from before there were more. */
export function tillOf(name: string | null | undefined): Till {
  return byName.get(name ?? '') ?? plain!;
}

/** Where Sluice tells the shop of payments at this till. */
export function webhookPathOf(till: TillName): string {
  return till === 'plain' ? '/shop/webhooks' : `/shop/webhooks/${till}`;
}

/** The till whose webhooks come to this path, or undefined. */
export function tillOfWebhookPath(path: string): TillName | undefined {
  return tills.find(({ name }) => webhookPathOf(name) === path)?.name;
}

/** Who keeps the book, in a story. */
export function bankOf(dialect: DialectName | undefined): string {
  return dialect === undefined || dialect === 'plain' ? 'Bank' : tillOf(dialect).title;
}
