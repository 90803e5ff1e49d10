/**
 * Without effect: settings that are read and checked although this version does nothing with them.
 *
 * They belong to the operating contract, so a start does not refuse them; it says that they do nothing.
 *
 * @module
 */
import type { SettingName } from './from-env.ts';

/** Each with the option it fills, which no room reads. */
export const SETTINGS_WITHOUT_EFFECT = {
  SLUICE_TRUSTED_PROXIES: 'trustedProxies',
  SLUICE_ADMIN_KEY: 'adminKey',
  SLUICE_KAFKA_BROKERS: 'kafka.brokers',
  SLUICE_KAFKA_PARTITIONS: 'kafka.partitions',
  SLUICE_RAZORPAY_BASE_URL: 'processors.RAZORPAY',
  SLUICE_PAYU_BASE_URL: 'processors.PAYU',
  SLUICE_STRIPE_BASE_URL: 'processors.STRIPE',
} as const satisfies Partial<Record<SettingName, string>>;

/** The names among the settings that are set which have no effect, in the order of the table. */
export function setWithoutEffect(settings: ReadonlyMap<string, string>): readonly string[] {
  return Object.keys(SETTINGS_WITHOUT_EFFECT).filter((name) => settings.has(name));
}
