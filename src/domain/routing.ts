/**
 * Routing: where an attempt was sent and why, and what proves that it may go on to the merchant's second processor.
 *
 * @module
 */

import type { ProcessorPlace, ProcessorWord } from './processor-word.ts';

/** Why a leg went where it went. All but `preferred` are proof that the leg before cannot have charged. */
export type RouteReason =
  | 'preferred'
  | 'first_unreachable'
  | 'first_busy'
  | 'first_breaker_open'
  | 'first_refused';

export interface RoutedLeg extends ProcessorPlace {
  leg: number;
  reason: RouteReason;
  /** Milliseconds since 1970. */
  at: number;
}

/** The routing decision of an attempt: every leg it has had, and where another could have gone. */
export interface Routing {
  /** Null: the merchant has no fallback. */
  fallback: ProcessorPlace | null;
  /** Oldest first; at least one. */
  legs: RoutedLeg[];
}

/** Why another processor may be asked after this word of the sender; null: it may not. */
export function fallbackReason(word: ProcessorWord): Exclude<RouteReason, 'preferred'> | null {
  if (word.source !== 'answer') return null;
  if (word.said === 'declined') return word.elsewhere ? 'first_refused' : null;
  return word.said === 'not_sent' ? (UNREACHED[word.failureCode ?? ''] ?? null) : null;
}

/** Codes of a charge that did not leave for the processor's sake; one that was too late would be too late there as well. */
const UNREACHED: Readonly<Record<string, Exclude<RouteReason, 'preferred'>>> = {
  processor_unreachable: 'first_unreachable',
  processor_busy: 'first_busy',
  processor_breaker_open: 'first_breaker_open',
};
