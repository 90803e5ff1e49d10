/**
 * Form bodies as Stripe nests them.
 * @module
 */
import { describe, expect, it } from 'vitest';
import { canonicalForm, type FormMap, listAt, readForm, textAt } from './form.ts';

function read(text: string): FormMap {
  const form = readForm(text);
  if (form === null) throw new Error(`cannot be read: ${text}`);
  return form;
}

describe('a form body', () => {
  it('nests by brackets, plain or encoded', () => {
    const form = read(
      'payment_method_data[card][number]=4242&payment_method_data%5Bcard%5D%5Bcvc%5D=1+2%2B3',
    );
    expect(textAt(form, 'payment_method_data', 'card', 'number')).toBe('4242');
    expect(textAt(form, 'payment_method_data', 'card', 'cvc')).toBe('1 2+3');
  });

  it('has lists by empty brackets and by indices', () => {
    expect(listAt(read('types[]=card&types[]=upi'), 'types')).toEqual(['card', 'upi']);
    expect(listAt(read('types[0]=card&types[1]=upi'), 'types')).toEqual(['card', 'upi']);
  });

  it('means nothing by the names of properties', () => {
    const form = read('__proto__[admin]=1&constructor=2');
    expect(textAt(form, '__proto__', 'admin')).toBe('1');
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
    expect(textAt(form, 'toString')).toBeUndefined();
  });

  it.each([
    'a=1&a[b]=2',
    'a[b]=1&a=2',
    '[a]=1',
    'a[b=1',
    'a]=1',
    'a=%zz',
    `${'a[b]'.repeat(1)}${'[c]'.repeat(9)}=1`,
  ])('is refused whole where %s cannot be meant', (text) => {
    expect(readForm(text)).toBeNull();
  });

  it('says the same in whatever order', () => {
    expect(canonicalForm(read('a=1&b[d]=3&b[c]=2'))).toBe(canonicalForm(read('b[c]=2&b[d]=3&a=1')));
    expect(canonicalForm(read('a=1&b=2'))).not.toBe(canonicalForm(read('a=1&b=3')));
  });
});
