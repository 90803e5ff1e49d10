/**
 * Welcome: what `sluice start` prints when everything is up.
 *
 * @module
 */
import type { DemoFile } from './demo.ts';

/** Where to click, and three lines from nothing to a paid payment. `demoFile` is where the key is read from. */
export function welcome(demo: DemoFile, demoFile: string): string {
  const { apiUrl, checkoutUrl, opsUrl, sandboxUrl, sandboxBUrl, merchantId } = demo;
  const json = "-H 'content-type: application/json'";
  const card =
    '\\"cardNumber\\":\\"4111111111111111\\",\\"expiryMonth\\":\\"12\\",\\"expiryYear\\":\\"2030\\",\\"cvv\\":\\"123\\"';
  return `Sluice is ready.
  Demo shop  ${sandboxUrl}/shop  paid through the sandbox bank, Razorpay, PayU or Stripe, as you choose there
  API        ${apiUrl}
  Checkout   ${checkoutUrl}
  Operators  ${opsUrl}/readyz  ${opsUrl}/metrics
  Banks      ${sandboxUrl}  ${sandboxBUrl}  test cards of each
  Demo keys  ${demoFile}

A paid test payment, line by line:
  KEY=$(sed -n 's/.*"secretKey": "\\([^"]*\\)".*/\\1/p' '${demoFile}'); PI=$(curl -s ${apiUrl}/v1/payment/intent -H "Authorization: Bearer $KEY" ${json} -d '{"merchantId":"${merchantId}","amount":5000,"currency":"INR","orderId":"order_1"}' | sed 's/.*"paymentIntentId":"\\([^"]*\\)".*/\\1/')
  SESS=$(curl -s ${apiUrl}/v1/payment/session -H "Authorization: Bearer $KEY" ${json} -d "{\\"merchantId\\":\\"${merchantId}\\",\\"paymentIntentId\\":\\"$PI\\",\\"successUrl\\":\\"${sandboxUrl}/\\",\\"cancelUrl\\":\\"${sandboxUrl}/\\"}" | sed 's/.*"sessionId":"\\([^"]*\\)".*/\\1/'); echo "${checkoutUrl}/checkout?session=$SESS"
  curl -s ${checkoutUrl}/internal/payment/process ${json} -d "{\\"sessionId\\":\\"$SESS\\",${card},\\"cardholderName\\":\\"Demo Shopper\\"}"
Line 2 prints the checkout page: open it instead of line 3 to pay by hand. Ctrl-C stops everything.
Let charges that cannot reach the first bank go on to the second: npm run -s sluice -- merchant preferences --id ${merchantId} --fallback sandbox_b
`;
}
