import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pageHeaders } from './document.ts';
import { SCRIPT, SCRIPT_INTEGRITY, SCRIPT_PATH } from './script.ts';

/** The inventory for people and for the test that looks at a page as it arrives (test/browser/checkout.test.ts). */
function inventory(): string {
  const headers = Object.entries(pageHeaders(true, true)).map(
    ([name, value]) => `| ${name} | \`${value}\` |`,
  );
  return `# Scripts and headers of the payment pages

What runs on the pages where a card is typed, and why (PCI DSS 6.4.3), and the headers that keep anything else out. Written by
\`npm test -- src/checkout/script.test.ts -u\`; the same test fails when the program and this file differ, and
\`test/browser/checkout.test.ts\` compares the pages as a browser receives them with it (PCI DSS 11.6.1).

| script | integrity | why it is there |
| ------ | --------- | --------------- |
| \`${SCRIPT_PATH}\` | \`${SCRIPT_INTEGRITY}\` | Groups the card number, names its brand, says what is wrong beside the field, sends the form once, counts the time down, waits for the result, goes on to the bank's page by link or by form. Made from \`src/checkout/browser/\`. It reads card data only to check it and sends nothing itself: the browser posts the form to its own origin. |

No other script, no inline script, no script of anybody else, no image, no font.

| header | value |
| ------ | ----- |
${headers.join('\n')}

Also on every answer: \`Cache-Control: no-store\` (the script: \`immutable\`), \`X-Content-Type-Options: nosniff\`, and where TLS ends
here or at a proxy \`Strict-Transport-Security\`. \`connect-src 'self'\` stands only on pages that wait for a result; pages without
script have no \`script-src\`. A result page with a form for the bank's page (3-D Secure), on which nothing is typed, has also that
page's origin in \`form-action\`, or \`https:\` once the shopper was sent there (browsers hold redirects of the post against it too), and
\`Referrer-Policy: strict-origin-when-cross-origin\`, so that the bank sees our origin and no more of the address.
`;
}

test('docs/PAYMENT-PAGE-SCRIPTS.md lists what is served', async () => {
  const file = join(import.meta.dirname, '../../docs/PAYMENT-PAGE-SCRIPTS.md');
  await expect(inventory()).toMatchFileSnapshot(file);
});

test('the script is one program without imports, named by its content', () => {
  expect(() => new Function(SCRIPT)).not.toThrow();
  expect(SCRIPT).not.toMatch(/^(import|export) /m);
  const digest = createHash('sha256').update(SCRIPT).digest();
  expect(SCRIPT_INTEGRITY).toBe(`sha256-${digest.toString('base64')}`);
  expect(SCRIPT_PATH).toContain(digest.toString('hex').slice(0, 16));
});
