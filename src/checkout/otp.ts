/**
 * OTP: a one-time password that a shopper typed goes to the processor that asked for it, and what that says to the shard.
 *
 * Promises: one password of a transaction is under way at a time; its bytes are zeros when this is over, whatever came of it; nothing
 * of it is logged; the processor is asked with the account the attempt was charged at.
 *
 * @module
 */

import type { ChargeAccount, OtpDesk } from '../connectors/connector.ts';
import type { TransactionId } from '../domain/ids.ts';
import type { NextAction, ProcessorName, ProcessorWord } from '../domain/processor-word.ts';
import type { Attempt } from '../domain/transaction.ts';

export interface OtpDeps {
  /** Null: shoppers type no password here for that processor. */
  otpOf(processor: ProcessorName): OtpDesk | null;
  /** Null: the merchant never had it. Rejects when that cannot be known. */
  accountOf(merchantId: string, processor: ProcessorName, account: string): Promise<ChargeAccount | null>;
  /** Resolves when the shard has heard the word, or it was given up. */
  tell(transactionId: TransactionId, word: ProcessorWord): Promise<void>;
  /** Hears why nothing is known of a password. Never given it. */
  onTrouble(processor: ProcessorName, detail: string): void;
}

export interface Otp {
  /**
   * Takes the password of an attempt that waits for one, and owns its bytes from the call on. `told`: the database knows what came of
   * it; `again`: it was wrong; `unheard`: nothing is known, or another is under way. Never rejects.
   */
  submit(attempt: Attempt, action: OtpAction, otp: Uint8Array): Promise<'told' | 'again' | 'unheard'>;
  /** Asks for another. False: none comes. Never rejects. */
  resend(attempt: Attempt, action: OtpAction): Promise<boolean>;
}

/** What an attempt that waits for a password waits for. */
export type OtpAction = Extract<NextAction, { kind: 'otp' }>;

/** Makes the flow of one thread. */
export function createOtp(deps: OtpDeps): Otp {
  /** Bounded by the requests of the listener. */
  const underWay = new Set<TransactionId>();

  async function place(attempt: Attempt): Promise<{ desk: OtpDesk; account: ChargeAccount } | null> {
    const { merchantId, processor, processorAccount } = attempt;
    const desk = deps.otpOf(processor);
    const account = await deps.accountOf(merchantId, processor, processorAccount);
    if (desk !== null && account !== null) return { desk, account };
    deps.onTrouble(processor, 'no desk or no account');
    return null;
  }

  async function take(attempt: Attempt, action: OtpAction, otp: Uint8Array) {
    const { transactionId, leg, amount, currency, processor, createdAt: startedAt } = attempt;
    const found = await place(attempt);
    if (found === null) return 'unheard';
    const { desk, account } = found;
    const { submitUrl } = action;
    const request = { transactionId, startedAt, leg, amount, currency, account, submitUrl, otp };
    const answer = await desk.submit(request);
    otp.fill(0);
    if (answer.kind === 'again') return 'again';
    if (answer.kind === 'found') {
      await deps.tell(transactionId, answer.word);
      return 'told';
    }
    deps.onTrouble(processor, answer.detail);
    return 'unheard';
  }

  return {
    async submit(attempt, action, otp) {
      const { transactionId, processor } = attempt;
      if (underWay.has(transactionId)) {
        otp.fill(0);
        return 'unheard';
      }
      underWay.add(transactionId);
      try {
        return await take(attempt, action, otp);
      } catch (error) {
        deps.onTrouble(processor, String(error));
        return 'unheard';
      } finally {
        otp.fill(0);
        underWay.delete(transactionId);
      }
    },
    async resend(attempt, { resendUrl }) {
      if (resendUrl === null) return false;
      try {
        const found = await place(attempt);
        return found !== null && (await found.desk.resend({ account: found.account, resendUrl }));
      } catch (error) {
        deps.onTrouble(attempt.processor, String(error));
        return false;
      }
    },
  };
}
