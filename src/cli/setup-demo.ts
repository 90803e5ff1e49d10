/**
 * `sluice setup demo`: the demo merchant, its tills and the bank's side of their accounts, for a bank in a box that runs on its own.
 *
 * The embedded profile does this by itself. Here shop and gateways have one address for shoppers' browsers and another between
 * themselves.
 *
 * @module
 */
import { join } from 'node:path';
import { DEMO_MERCHANT_ID, ensureDemo, TILLS, type TillName } from '../embedded/demo.ts';
import { ensureSandboxAccounts } from '../embedded/sandbox-accounts.ts';
import { firstEndpointId } from '../setup/merchant.ts';
import { type Command, loadOptions, MisuseError, readWords, required } from './command.ts';
import { openMerchantServices } from './services.ts';

/** The command. */
export const setupDemo: Command = {
  name: 'setup demo',
  usage: '--api-url URL --shop-url URL [--config FILE]',
  summary:
    'Make the demo merchant and its accounts at the bank at SLUICE_SANDBOX_URL, in SLUICE_DATA_DIR; the bank reaches the API at --api-url, browsers reach its shop at --shop-url.',
  async run(words, context) {
    const read = readWords(words, ['api-url', 'shop-url']);
    const apiUrl = originNamed('--api-url', read['api-url']);
    const shopUrl = originNamed('--shop-url', read['shop-url']);
    const { options } = loadOptions(context.env, read.config);
    if (options.mode !== 'test') throw new MisuseError('the demo is for SLUICE_MODE=test');
    if (options.databases === undefined) throw new MisuseError('SLUICE_CONTROL_DATABASE_URL is needed');
    const { SANDBOX, SANDBOX_B } = options.processors;
    const urls = {
      apiUrl,
      checkoutUrl: options.publicCheckoutUrl,
      opsUrl: apiUrl,
      sandboxUrl: shopUrl,
      sandboxBUrl: SANDBOX_B.baseUrl,
    };
    const accounts = ensureSandboxAccounts(options.dataDir, 'SANDBOX', apiUrl);
    const { control, secrets, close } = await openMerchantServices(options);
    try {
      await ensureDemo(options.dataDir, urls, accounts, control, async () => secrets, new Date());
      for (const till of [undefined, ...(Object.keys(TILLS) as TillName[])]) {
        const merchantId = till === undefined ? DEMO_MERCHANT_ID : `${DEMO_MERCHANT_ID}_${till}`;
        const path = till === undefined ? '' : `/${till}`;
        await control.moveWebhookEndpoint(
          firstEndpointId(merchantId),
          `${SANDBOX.baseUrl}/shop/webhooks${path}`,
        );
      }
    } finally {
      await close();
    }
    context.out(`the shop's keys are in ${join(options.dataDir, 'demo.json')}; the shop: ${shopUrl}/shop\n`);
    return 0;
  },
};

/** An origin as browsers write it. */
function originNamed(option: string, text: string | undefined): string {
  const url = required(option, text);
  if (!URL.canParse(url) || new URL(url).origin !== url)
    throw new MisuseError(`${option} ${url} must be an origin: http://host:port`);
  return url;
}
