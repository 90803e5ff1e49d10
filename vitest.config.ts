import { defineConfig } from 'vitest/config';

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
    testTimeout: 30_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
    // Tests of one file that run at once, where a file asks for it.
    maxConcurrency: 4,
    reporters: ['default'],
  },
});
