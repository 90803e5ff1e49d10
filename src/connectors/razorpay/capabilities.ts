/**
 * What this room does at Razorpay.
 *
 * @module
 */

export const CAPABILITIES = {
  /** By intent: a link to an app. UPI Collect was withdrawn by NPCI on 28 February 2026. */
  upi: true,
  /**
   * Authorised within 12 minutes, a payment is captured at once; later, never: it goes back to the shopper, at the usual speed, within
   * five days. So a success that nobody waits for any more takes no money. Part of the order.
   */
  capture: {
    capture: 'automatic',
    capture_options: { automatic_expiry_period: 12, manual_expiry_period: 7200, refund_speed: 'normal' },
  },
} as const;
