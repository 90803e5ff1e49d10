/**
 * JSON that may be none, or not what was wanted.
 * @module
 */

/** Why a body was refused: a stable code, the field to mend, and a sentence. */
export interface Refusal {
  readonly ok: false;
  readonly code: string;
  readonly field: string;
  readonly detail: string;
}

/** The value of a JSON text; undefined when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether `value` is a JSON object. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
