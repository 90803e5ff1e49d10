/**
 * TLS to Kafka: the brokers' authority and name are checked, and the user's password is sent to nobody else.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Certificates, makeCertificates } from '../../../test/support/certificates.ts';
import { type KafkaServers, startKafka } from '../../../test/support/kafka.ts';
import { canRun } from '../../../test/support/required-servers.ts';
import type { KafkaOptions } from '../../config/options.ts';
import { createKafka } from './connect.ts';

const USER = { name: 'sluice', password: 'in-tests-only' };

describe.skipIf(!canRun('kafka', 'TLS to Kafka is'))('kafka', { timeout: 90_000 }, () => {
  let certificates: Certificates;
  let servers: KafkaServers;
  beforeAll(async () => {
    certificates = makeCertificates();
    const { server, ca } = certificates;
    servers = await startKafka({ tls: { ...server, ca, user: USER } });
  });
  afterAll(async () => {
    await servers?.stop();
    certificates?.remove();
  });

  /** Asks a broker what topics there are; resolves with `answered`, or with why not. */
  async function ask(more: Partial<KafkaOptions> = {}, password = USER.password): Promise<string> {
    const passwordFile = join(certificates.folder, 'kafka.password');
    writeFileSync(passwordFile, `${password}\n`);
    const options: KafkaOptions = {
      brokers: servers.brokers,
      partitions: 1,
      replication: 1,
      prefix: '',
      tls: true,
      caFile: certificates.ca,
      sasl: { username: USER.name, passwordFile },
      ...more,
    };
    const admin = createKafka(options, 'tls test', () => undefined).admin();
    try {
      await admin.connect();
      await admin.listTopics();
      return 'answered';
    } catch (error) {
      return String(error);
    } finally {
      await admin.disconnect();
    }
  }

  test('the user gets in by TLS with the authority and the password, by name and by address', async () => {
    expect(await ask()).toBe('answered');
    const named = servers.brokers.map((broker) => broker.replace('127.0.0.1', 'localhost'));
    expect(await ask({ brokers: named })).toBe('answered');
  });

  test('nobody gets in with another authority, another password, or without TLS', async () => {
    expect(await ask({ caFile: certificates.strangeCa })).toMatch(/self.signed|unable to verify/i);
    expect(await ask({ caFile: undefined })).toMatch(/self.signed|unable to verify/i);
    expect(await ask({}, 'guessed')).toMatch(/SASL|credentials/);
    expect(await ask({ tls: false })).not.toBe('answered');
  });

  test('a file that is not there is told when the client is made', async () => {
    await expect(ask({ caFile: '/none' })).rejects.toThrow('ENOENT');
  });
});
