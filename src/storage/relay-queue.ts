/**
 * Door of the relay: what one shard database holds that is still to be put on Kafka.
 *
 * One gateway at a time puts it there, by a lease. Two that both believe they hold it put rows there twice, and no row is lost: a row is
 * taken off only after its message was acknowledged. All methods reject with StorageError.
 *
 * @module
 */

import type { CallbackRecorded } from '../domain/facts.ts';
import type { MerchantEvent } from '../domain/merchant-event.ts';

/** A callback that was applied past Kafka. `word`: JSON text. */
export type WaitingCallback = Pick<
  CallbackRecorded,
  'processor' | 'eventId' | 'transactionId' | 'word' | 'receivedAt'
>;

/** An event that waits: its place in the order of its payment, and the event; null when retention has taken it. */
export interface WaitingEvent {
  paymentIntentId: string;
  sequence: number;
  /** 32 hex digits. */
  eventId: string;
  event: MerchantEvent | null;
}

export interface RelayQueue {
  /** Takes or keeps the lease for `leaseMs`; false: another holds it. */
  hold(holder: string, leaseMs: number): Promise<boolean>;
  /** Gives the lease up, if it is held. */
  release(holder: string): Promise<void>;
  /** Oldest first. */
  callbacks(limit: number): Promise<WaitingCallback[]>;
  callbacksRelayed(callbacks: readonly WaitingCallback[]): Promise<void>;
  /** A payment's events in their order, payments in theirs. */
  events(limit: number): Promise<WaitingEvent[]>;
  eventsRelayed(events: readonly WaitingEvent[]): Promise<void>;
  /** How many wait, counted up to a bound. */
  backlog(): Promise<{ callbacks: number; events: number }>;
  close(): Promise<void>;
}
