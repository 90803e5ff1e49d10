import { afterEach, expect, test, vi } from 'vitest';
import { canRun } from './required-servers.ts';

afterEach(() => vi.unstubAllEnvs());

test('a server that is not there is said loudly, with what it leaves untested', () => {
  vi.stubEnv('PATH', '');
  vi.stubEnv('CI', '');
  const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  expect(canRun('haproxy', 'the balancer is')).toBe(false);
  expect(said).toHaveBeenCalledWith(expect.stringContaining('the balancer is NOT tested'));
  said.mockRestore();
});

test('in CI a server that is not there is a failure', () => {
  vi.stubEnv('PATH', '');
  vi.stubEnv('CI', 'true');
  expect(() => canRun('haproxy', 'the balancer is')).toThrow(
    /haproxy is not installed.*apt-get install haproxy/,
  );
});
