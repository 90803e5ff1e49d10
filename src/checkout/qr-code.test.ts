import { create } from 'qrcode';
import { expect, test } from 'vitest';
import { qrCode } from './qr-code.ts';

test('every dark module of the code is drawn and no other, with four of white around, and the words are escaped', () => {
  const link = 'upi://pay?pa=demo@bank&pn=Demo&am=50.00&cu=INR&tr=txn_019bdff2900700d8010101010101011';
  const { size, data } = create(link, { errorCorrectionLevel: 'M' }).modules;
  const { html } = qrCode(link, 'pay "Demo"');
  expect(html).toContain('aria-label="pay &quot;Demo&quot;"');
  expect(html).toContain(`viewBox="0 0 ${size + 8} ${size + 8}"`);
  const drawn = new Uint8Array(size * size);
  const path = /fill="#000" d="([^"]+)"/.exec(html)![1]!;
  for (const [, x, y, width] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\3z/g)) {
    const start = (Number(y) - 4) * size + Number(x) - 4;
    drawn.fill(1, start, start + Number(width));
  }
  expect(drawn).toEqual(Uint8Array.from(data, (module) => (module === 0 ? 0 : 1)));
});
