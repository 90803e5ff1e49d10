/**
 * Settings text: the file behind `--config`, either lines of KEY=VALUE or one JSON object of the same keys.
 *
 * @module
 */
import type { SettingError } from './options.ts';

/** What a file holds. Lines that are no setting are reported by line number. */
export interface SettingsText {
  readonly values: ReadonlyMap<string, string>;
  readonly errors: readonly SettingError[];
}

/** Reads the text of a settings file. */
export function readSettingsText(text: string): SettingsText {
  return text.trimStart().startsWith('{') ? readObject(text) : readLines(text);
}

function readObject(text: string): SettingsText {
  const values = new Map<string, string>();
  const errors: SettingError[] = [];
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { values, errors: [{ setting: '--config', detail: 'is not valid JSON' }] };
  }
  for (const [key, value] of Object.entries(parsed as Record<string, unknown>)) {
    const flat = Array.isArray(value) ? value.join(',') : value;
    if (typeof flat === 'string' || typeof flat === 'number') values.set(key, String(flat));
    else if (typeof flat === 'boolean') values.set(key, flat ? 'on' : 'off');
    else errors.push({ setting: key, detail: 'must be a text, a number, true, false or a list of texts' });
  }
  return { values, errors };
}

function readLines(text: string): SettingsText {
  const values = new Map<string, string>();
  const errors: SettingError[] = [];
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const [, key, value = ''] = /^(?:export\s+)?(\w+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (key === undefined) {
      errors.push({ setting: `--config line ${index + 1}`, detail: 'must be KEY=VALUE' });
    } else if (values.has(key)) {
      errors.push({ setting: key, detail: `stands twice in the file, again in line ${index + 1}` });
    } else {
      values.set(key, unquoted(value));
    }
  }
  return { values, errors };
}

function unquoted(value: string): string {
  const quote = value[0];
  const quoted = value.length >= 2 && (quote === '"' || quote === "'") && value.endsWith(quote);
  return quoted ? value.slice(1, -1) : value;
}
