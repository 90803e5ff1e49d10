/**
 * Rupees as PayU writes them: a decimal string with at most two decimals. Everything is counted in paise.
 * @module
 */

const RUPEES = /^([0-9]{1,10})(?:\.([0-9]{1,2}))?$/;

/** The paise of `10`, `10.5` or `10.50`; null for anything else. */
export function readRupees(text: string): number | null {
  const [, rupees, decimals = ''] = RUPEES.exec(text) ?? [];
  return rupees === undefined ? null : Number(rupees) * 100 + Number(decimals.padEnd(2, '0'));
}

/** Two decimals always. @param paise an integer, not negative */
export function showRupees(paise: number): string {
  return `${Math.floor(paise / 100)}.${String(paise % 100).padStart(2, '0')}`;
}
