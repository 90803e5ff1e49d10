import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { OUTCOMES, type OutcomeCode, refusal } from '../domain/outcomes.ts';
import { internalError, problem } from './problem.ts';

test('every code is a problem of its own status', () => {
  for (const [code, [status, title]] of Object.entries(OUTCOMES)) {
    const answer = problem(refusal(code as OutcomeCode, 'why'));
    expect(answer.status).toBe(status);
    expect(answer.contentType).toBe('application/problem+json');
    expect(answer.code).toBe(code);
    expect(JSON.parse(String(answer.body))).toEqual({
      type: `https://sluice.dev/problems/${code}`,
      title,
      status,
      code,
      detail: 'why',
    });
    expect(answer.headers?.['Retry-After']).toBe(status === 503 || status === 429 ? '1' : undefined);
    expect(answer.headers?.['WWW-Authenticate'] !== undefined).toBe(status === 401);
  }
});

test('field errors and the transaction in the way are shown', () => {
  const errors = [{ pointer: '/amount', detail: 'must be more than zero' }];
  const transactionId = '0'.repeat(31).concat('1');
  const answer = problem(refusal('payment_in_progress', 'why', { errors, transactionId }));
  expect(JSON.parse(String(answer.body))).toMatchObject({ errors, transactionId: `txn_${transactionId}` });
});

test('a broken handler says nothing of itself', () => {
  expect(internalError().status).toBe(500);
});

test('docs/API.md lists every code with its status', async () => {
  const text = await readFile(new URL('../../docs/API.md', import.meta.url), 'utf8');
  for (const [code, [status]] of Object.entries(OUTCOMES)) {
    expect(text).toMatch(new RegExp(`^\\| \`${code}\` +\\| ${status} +\\| `, 'm'));
  }
});
