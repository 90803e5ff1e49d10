/**
 * The plain dialect: one route to charge and to ask, JSON, one signed callback, a redirect back to the shop.
 * @module
 */
import { randomUUID } from 'node:crypto';
import { type Dialect, otherThan } from '../dialect.ts';
import { documentedCards } from './cards.ts';
import { lettersOf } from './letters.ts';
import { PlainRoutes } from './routes.ts';
import { decide, decideAsked } from './rules.ts';

export const plain: Dialect = {
  name: 'plain',
  processor: 'SANDBOX',
  testCards: documentedCards,
  open: (desk) => Promise.resolve(new PlainRoutes(desk)),
  newId: () => `ch_${randomUUID().replaceAll('-', '')}`,
  decide,
  decideAsked,
  cannotSettle: [],
  letters: lettersOf,
  leadBack: ({ id, status }, _, url) => ({ via: 'redirect', url, fields: { charge: id, status } }),
  leadBackForged: ({ id, status, reference }, _, url) => ({
    via: 'redirect',
    url,
    fields: {
      charge: otherThan(id),
      status: status === 'declined' ? 'succeeded' : 'declined',
      reference: otherThan(reference),
    },
  }),
  ofAnother: (charge) => ({ ...charge, reference: otherThan(charge.reference) }),
};
