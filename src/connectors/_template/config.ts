/**
 * What the room is told, and how an account at this processor is read.
 *
 * Fill in: what else the room needs of the options, and the fields of an account as the processor's own dashboard names them. A refusal
 * names the field and repeats no secret.
 *
 * @module
 */

import type { ProcessorName } from '../../domain/processor-word.ts';
import type { ReadAccountConfig, RoomConfig } from '../connector.ts';

export interface TemplateConfig extends RoomConfig {
  /** A room of one processor writes its name where this is read. */
  name: ProcessorName;
}

const FIELDS = ['account', 'secretKey', 'webhookSecret'] as const;

export const readTemplateAccount: ReadAccountConfig = (entry) => {
  const missing = FIELDS.find((name) => typeof entry[name] !== 'string' || entry[name] === '');
  if (missing !== undefined) return { ok: false, detail: `${missing} is needed` };
  const { account, secretKey, webhookSecret } = entry as Record<(typeof FIELDS)[number], string>;
  return { ok: true, config: { account, secretKey, webhookSecret } };
};
