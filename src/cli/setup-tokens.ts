/**
 * `sluice setup tokens`: makes SoftHSM's tokens, each in a folder of its own, so that each can be a volume of its own.
 *
 * @module
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { findPkcs11Module } from '../embedded/pkcs11-module.ts';
import { ensureSoftHsmToken } from '../hsm/soft-hsm-tokens.ts';
import { type Command, loadOptions, MisuseError, readWords, required } from './command.ts';

/** The command. */
export const setupTokens: Command = {
  name: 'setup tokens',
  usage: '--directory DIR [--config FILE]',
  summary:
    'Make SoftHSM tokens DIR/vault and DIR/config, each with its PIN in the file pin, where there are none yet. SoftHSM finds them with directories.tokendir = DIR.',
  async run(words, context) {
    const read = readWords(words, ['directory']);
    const directory = required('--directory', read.directory);
    const { hsm } = loadOptions(context.env, read.config).options;
    const module = findPkcs11Module(hsm.module);
    if (!module.includes('softhsm'))
      throw new MisuseError('SLUICE_PKCS11_MODULE is not SoftHSM: its tokens are made with its own tools');
    for (const [folder, { tokenLabel }] of [
      ['vault', hsm.vault],
      ['config', hsm.config],
    ] as const) {
      const token = join(directory, folder);
      mkdirSync(token, { recursive: true, mode: 0o700 });
      const made = await ensureSoftHsmToken({ module, label: tokenLabel, directory: token });
      context.out(`${token}: ${made ? 'made' : 'is there'}\n`);
    }
    return 0;
  },
};
