/**
 * TLS to Redis: 1.3, with the server's authority and name checked, or nothing is said.
 *
 * @module
 */

import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type CertificateFiles,
  type Certificates,
  makeCertificates,
} from '../../../test/support/certificates.ts';
import { startRedis } from '../../../test/support/redis.ts';
import { canRun } from '../../../test/support/required-servers.ts';
import { connectRedis } from './connection.ts';
import { RedisAway } from './errors.ts';

let certificates: Certificates;
beforeAll(() => {
  certificates = makeCertificates();
});
afterAll(() => certificates.remove());

describe.skipIf(!canRun('redis-server', 'TLS to Redis is'))('redis', () => {
  /** Stores and reads a value; resolves with it, or with why the connection was not made. */
  async function talk(
    shown: CertificateFiles,
    caFile = certificates.ca,
    urlOf = (url: string) => url,
  ): Promise<string> {
    const server = await startRedis({ tls: { ...shown, ca: certificates.ca } });
    onTestFinished(() => server.stop());
    let lost = 'nothing was said';
    const connection = connectRedis({
      urls: [urlOf(server.url)],
      caFile,
      onLost: (error) => {
        lost = String((error as { code?: unknown }).code ?? error.message);
      },
    });
    onTestFinished(() => connection.close());
    try {
      await connection.command('key', 'set', 'value');
      return String(await connection.command('key', 'get'));
    } catch (error) {
      expect(error).toBeInstanceOf(RedisAway);
      return lost;
    }
  }

  test('a server of our authority and of its name is talked to, by name and by address', async () => {
    expect(await talk(certificates.server)).toBe('value');
    const byName = (url: string) => url.replace('127.0.0.1', 'localhost');
    expect(await talk(certificates.server, certificates.ca, byName)).toBe('value');
  });

  test('another authority’s, an expired and another name’s certificate are refused by name', async () => {
    const misnamed = certificates.issue('misnamed', 1, 'DNS:localhost');
    expect(await talk(certificates.server, certificates.strangeCa)).toMatch(/UNABLE_TO_VERIFY|SELF_SIGNED/);
    expect(await talk(certificates.expired)).toBe('CERT_HAS_EXPIRED');
    expect(await talk(misnamed)).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });

  test('a server that speaks no TLS is refused', async () => {
    const plain = await startRedis();
    onTestFinished(() => plain.stop());
    const connection = connectRedis({
      urls: [plain.url.replace('redis:', 'rediss:')],
      caFile: certificates.ca,
    });
    onTestFinished(() => connection.close());
    await expect(connection.command('key', 'get')).rejects.toBeInstanceOf(RedisAway);
  });

  test('an authority’s file that is not there is told when the connection is asked for', () => {
    expect(() => connectRedis({ urls: ['rediss://127.0.0.1:1'], caFile: '/none' })).toThrow('ENOENT');
  });
});
