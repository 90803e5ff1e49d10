/**
 * Merchants of a rival. Their keys are no secret: a rival lives for one run, on loopback.
 *
 * @module
 */

export interface Merchant {
  readonly merchantId: string;
  readonly secretKey: string;
}

export const DEMO_MERCHANT: Merchant = { merchantId: 'merchant_demo', secretKey: 'sk_test_bench' };
