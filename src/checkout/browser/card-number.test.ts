import { expect, test } from 'vitest';
import { cardBrand, checkCard } from '../../domain/card.ts';

interface CardNumber {
  brandOf(digits: string): string;
  grouped(digits: string): string;
  caretAfter(text: string, digitsBefore: number): number;
  numberFault(typed: string): string | null;
}

const { brandOf, grouped, caretAfter, numberFault } = (await import(
  String(new URL('./card-number.js', import.meta.url))
)) as CardNumber;

test('the browser’s brands are the server’s, for every prefix', () => {
  const digits = new Uint8Array(6);
  const different: string[] = [];
  for (let prefix = 0; prefix < 1_000_000; prefix++) {
    const text = String(prefix).padStart(6, '0');
    for (let i = 0; i < 6; i++) digits[i] = text.charCodeAt(i);
    if (cardBrand(digits) !== brandOf(text)) different.push(text);
  }
  expect(different).toEqual([]);
});

test.each([
  ['', 'UNKNOWN'],
  ['4', 'VISA'],
  ['5', 'UNKNOWN'],
  ['51', 'MASTERCARD'],
  ['34', 'AMEX'],
  ['3', 'UNKNOWN'],
])('the brand while %s is typed: %s', (digits, brand) => {
  expect(brandOf(digits)).toBe(brand);
});

test.each([
  ['4111111111111111', '4111 1111 1111 1111'],
  ['41111', '4111 1'],
  ['378282246310005', '3782 822463 10005'],
  ['30569309025904', '3056 930902 5904'],
  ['0000000000000000000', '0000 0000 0000 0000 000'],
])('%s is grouped as %s', (digits, text) => {
  expect(grouped(digits)).toBe(text);
  expect(caretAfter(text, 5)).toBe(6);
});

test('what the browser calls wrong with a number the server calls so too', () => {
  const card = (typed: string) => ({
    pan: Buffer.from(typed.replace(/[ -]/g, '')),
    expiryMonth: 12,
    expiryYear: 2030,
    cvv: Buffer.from('123'),
    cardholderName: Buffer.from('A B'),
  });
  const typed = [
    '',
    '4',
    'abc',
    '4111 1111 1111 1111',
    '4111 1111 1111 1112',
    '0000 0000 0000',
    '5105-1051-0510-510',
  ];
  for (const text of typed) {
    const check = checkCard(card(text), new Date(Date.UTC(2026, 0, 1)));
    const code = check.ok ? null : (check.errors.find(({ field }) => field === 'cardNumber')?.code ?? null);
    expect([text, numberFault(text)]).toEqual([text, code]);
  }
});
