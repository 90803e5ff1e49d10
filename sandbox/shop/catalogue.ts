/**
 * The catalogue: what the shop sells.
 * @module
 */
import { type Html, html } from '../html.ts';
import { bowl, kettle, lamp, notebook } from './pictures.ts';

/** What the shop takes. */
export type ShopCurrency = 'INR' | 'JPY';

export interface Product {
  readonly id: string;
  readonly name: string;
  readonly words: string;
  /** Minor units. */
  readonly price: number;
  readonly currency: ShopCurrency;
  readonly picture: Html;
}

export const products: readonly Product[] = [
  {
    id: 'lamp',
    name: 'Evening lamp',
    words: 'Spun brass, a linen cord, light like late afternoon.',
    price: 485_000,
    currency: 'INR',
    picture: lamp,
  },
  {
    id: 'bowl',
    name: 'Rice bowl',
    words: 'Thrown by hand in Auroville, glazed the green of young rice.',
    price: 129_900,
    currency: 'INR',
    picture: bowl,
  },
  {
    id: 'notebook',
    name: 'Field notebook',
    words: 'Ninety-six leaves of cotton paper, sewn to lie flat.',
    price: 65_050,
    currency: 'INR',
    picture: notebook,
  },
  {
    id: 'kettle',
    name: 'Iron kettle',
    words: 'Cast in Morioka, sent from Japan and priced in yen.',
    price: 14_800,
    currency: 'JPY',
    picture: kettle,
  },
];

const byId = new Map(products.map((product) => [product.id, product]));

/** The product of an id, or undefined. */
export function findProduct(id: string): Product | undefined {
  return byId.get(id);
}

/** The picture of a product, or an empty one of a product that is sold no more. */
export function pictureOf(id: string): Html {
  return findProduct(id)?.picture ?? html`<svg viewBox="0 0 320 240" aria-hidden="true"></svg>`;
}
