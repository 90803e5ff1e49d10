import { defineConfig } from 'vitest/config';

/** A gateway on Kafka, and of two processes, takes longer to start; tests start and kill many. */
const patience = ['', 'embedded'].includes(process.env.SLUICE_TEST_PROFILE ?? '') ? 1 : 4;

export default defineConfig({
  test: {
    include: [
      'src/**/*.test.ts',
      'sandbox/**/*.test.ts',
      'clients/**/*.test.ts',
      'test/**/*.test.ts',
      'load-tests/**/*.test.ts',
      'bench/**/*.test.ts',
    ],
    globalSetup: 'test/support/shared-brokers.ts',
    testTimeout: patience * 30_000,
    hookTimeout: patience * 120_000,
    pool: 'forks',
    maxWorkers: 2,
    // Tests of one file that run at once, where a file asks for it.
    maxConcurrency: 4,
    reporters: ['default'],
  },
});
