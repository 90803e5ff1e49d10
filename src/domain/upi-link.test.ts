import { expect, test } from 'vitest';
import { isUpiLinkFor } from './upi-link.ts';

const LINK = 'upi://pay?pa=shop@bank&pn=A%20shop&tr=ch_1&am=1499.00&cu=INR';
const fits = (link: string) => isUpiLinkFor(link, 149_900, 'INR');

test.each([
  LINK,
  LINK.replace('1499.00', '1499'),
  LINK.replace('1499.00', '1499.0'),
  LINK.replace('&cu=INR', ''),
  'upi://pay?am=1499.00&pa=a@b',
])('%s asks for what is to be paid', (link) => expect(fits(link)).toBe(true));

test.each([
  LINK.replace('1499.00', '1.00'),
  LINK.replace('1499.00', '1499.001'),
  LINK.replace('1499.00', '149900'),
  LINK.replace('1499.00', '1,499.00'),
  LINK.replace('1499.00', '0x5db'),
  LINK.replace('1499.00', ''),
  LINK.replace('&am=1499.00', ''),
  LINK.replace('INR', 'USD'),
])('%s asks for something else', (link) => expect(fits(link)).toBe(false));

test.each([
  `${LINK}&am=1.00`,
  `${LINK}&AM=1.00`,
  `${LINK}&%61m=1.00`,
  `${LINK}#&am=1.00`,
  `${LINK}&pa=other@bank`,
  `${LINK}&mam=1.00`,
])('%s can be read in two ways', (link) => expect(fits(link)).toBe(false));

test.each([
  '',
  'https://bank.example/upi',
  'upi://mandate?pa=shop@bank&am=1499.00',
  LINK.replace('upi:', 'xupi:'),
  ` ${LINK}`,
  `${LINK}\r\nset-cookie: a=b`,
  `${LINK}&tn=${'x'.repeat(1000)}`,
  LINK.replace('shop@bank', ''),
])('%j opens something else than a UPI app, or pays nobody', (link) => expect(fits(link)).toBe(false));

test('UPI moves rupees only', () => {
  expect(isUpiLinkFor(LINK.replace('&cu=INR', ''), 149_900, 'USD')).toBe(false);
});
