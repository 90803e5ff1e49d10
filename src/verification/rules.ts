/**
 * Rules: what must hold between the records of one payment. Pure, so that each is checked with stories that are wrong.
 *
 * @module
 */

/** The rules, in the order they are told, with what a finding of each is. */
export const RULES = {
  acknowledged_absent: 'a client was told of it, and it is not in the databases',
  final_taken_back: 'a client was shown a final status that no longer holds',
  second_success: 'an intent with more than one charge, or more than one attempt that succeeded',
  charge_without_attempt: 'a charge in the book for which there is no attempt',
  success_without_charge: 'an attempt that succeeded, and the book has no charge for it',
  charge_of_failed: 'an attempt that failed, and the book has a charge for it',
  amount_differs: 'amount or currency differ between order, intent, attempt and charge',
  unknown_too_long: 'an attempt without a final word past its deadline',
  intent_status: 'an intent whose status does not follow from its attempts',
  attempt_not_allowed: 'an attempt after one that does not allow another',
  event_missing: 'a final attempt or expired intent without its event in the outbox',
  event_unfounded: 'an event in the outbox that is there twice or that nothing accounts for',
} as const;

export type RuleName = keyof typeof RULES;
