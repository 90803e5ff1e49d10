import { describe, expect, test } from 'vitest';
import { StorageError, type StorageFailureKind } from '../storage.ts';
import { ConnectionLost } from './connection.ts';
import { failureOf, storageErrorOf } from './errors.ts';

const sqlState = (code: string) => Object.assign(new Error('value "4111" is wrong'), { code });

describe('what a failure of PostgreSQL means', () => {
  test.each<[code: string, meaning: string, kind: StorageFailureKind]>([
    ['22001', 'string too long', 'poisoned'],
    ['22021', 'character not in repertoire', 'poisoned'],
    ['22P02', 'invalid text representation', 'poisoned'],
    ['23502', 'not null violation', 'poisoned'],
    ['23505', 'unique violation', 'poisoned'],
    ['23514', 'check violation, no partition for the row', 'poisoned'],
    ['54000', 'program limit exceeded', 'poisoned'],
    ['SL001', 'sluice_halfway()', 'halfway'],
    ['40P01', 'deadlock', 'repeat'],
    ['40001', 'serialisation', 'repeat'],
    ['55P03', 'lock timeout', 'lock_timeout'],
    ['57014', 'statement timeout', 'lock_timeout'],
    ['08P01', 'a pooler has lost the server', 'uncertain'],
    ['25006', 'read-only transaction', 'unavailable'],
    ['53100', 'disk full', 'unavailable'],
    ['53300', 'too many connections', 'unavailable'],
    ['55000', 'object not in prerequisite state', 'unavailable'],
    ['57P03', 'cannot connect now', 'unavailable'],
    ['58030', 'input or output error', 'unavailable'],
    ['XX001', 'data corrupted', 'unavailable'],
  ])('%s, %s: %s', (code, _meaning, kind) => {
    expect(failureOf(sqlState(code))).toBe(kind);
    const error = storageErrorOf(sqlState(code));
    expect(error).toBeInstanceOf(StorageError);
    expect(error.kind).toBe(kind);
    expect(error.message).toBe(`PostgreSQL answered ${code}`);
    expect(error.cause).toBeUndefined();
  });

  test('a connection lost before anything was sent changed nothing; afterwards nobody knows', () => {
    expect(failureOf(new ConnectionLost(false))).toBe('unavailable');
    expect(failureOf(new ConnectionLost(true))).toBe('uncertain');
  });

  test('a server that goes down over its log may have committed what it refuses', () => {
    const panic = Object.assign(sqlState('58030'), { severity: 'PANIC' });
    expect(failureOf(panic)).toBe('uncertain');
    expect(failureOf(Object.assign(sqlState('58030'), { severity: 'ERROR' }))).toBe('unavailable');
  });

  test('a StorageError stays what it is', () => {
    const error = new StorageError('fenced', 'not ours');
    expect(failureOf(error)).toBe('fenced');
    expect(storageErrorOf(error)).toBe(error);
  });

  test.each([
    ['42P01', 'a table that is missing'],
    ['42501', 'a right that is missing'],
    ['ECONNRESET', 'no SQLSTATE'],
  ])('%s, %s: thrown on', (code) => {
    const bug = sqlState(code);
    expect(() => failureOf(bug)).toThrow(bug);
  });

  test('our own bugs are thrown on', () => {
    const bug = new TypeError('undefined is not a function');
    expect(() => storageErrorOf(bug)).toThrow(bug);
  });
});
