/**
 * `sluice merchant origins`: shows and changes where a merchant's shoppers may be sent after checkout.
 *
 * @module
 */
import { originFault } from '../domain/redirect-url.ts';
import { type Mode, REDIRECT_ORIGINS_MAX } from '../storage/control.ts';
import { createControlAdmin } from '../storage/postgres/control-admin.ts';
import { type Command, loadOptions, MisuseError, readWords, required } from './command.ts';
import { controlDatabaseUrl } from './services.ts';

/** The command. */
export const merchantOrigins: Command = {
  name: 'merchant origins',
  usage: '--id ID [--add ORIGIN]… [--remove ORIGIN]… [--config FILE]',
  summary: 'Print the origins a merchant may send shoppers to, one a line, after adding and removing some.',
  async run(words, context) {
    const read = readWords(words, ['id'], [], ['add', 'remove']);
    const merchantId = required('--id', read.id);
    const { options } = loadOptions(context.env, read.config);
    // What is to go may be of an older rule: it need not be valid.
    const change = { add: originsNamed('--add', read.add, options.mode), remove: read.remove ?? [] };
    const control = createControlAdmin(controlDatabaseUrl(options));
    try {
      const origins = await control.changeRedirectOrigins(merchantId, change);
      if (origins === undefined) {
        context.err(`--id ${merchantId}: there is no such merchant`);
        return 1;
      }
      context.out(origins.map((origin) => `${origin}\n`).join(''));
      return 0;
    } finally {
      await control.close();
    }
  },
};

/** Origins as an option names them. */
export function originsNamed(option: string, texts: readonly string[] = [], mode: Mode): readonly string[] {
  if (texts.length > REDIRECT_ORIGINS_MAX) {
    throw new MisuseError(`${option}: a merchant may have ${REDIRECT_ORIGINS_MAX} origins`);
  }
  for (const text of texts) {
    const fault = originFault(text, mode === 'test');
    if (fault !== null) throw new MisuseError(`${option} ${text} ${fault}`);
  }
  return texts;
}
