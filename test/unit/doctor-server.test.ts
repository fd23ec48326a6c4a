import { expect, it } from 'vitest';
import { checkSync, diagnoseServerError } from '../../src/doctor/check-server.js';
import { BrokerError } from '../../src/index.js';

it.each([
  ['JETFLEET_SERVER_TOO_OLD', 'server_too_old'],
  ['JETFLEET_JETSTREAM_DISABLED', 'jetstream_disabled'],
  ['JETFLEET_SERVER_LIMIT', 'server_limit'],
])('a server that cannot hold jobs (%s) is a finding', (code, finding) => {
  expect(diagnoseServerError(new BrokerError(code, 'nats-server 2.9 is too old'))).toEqual({
    finding: {
      code: finding,
      severity: 'danger',
      target: 'nats-server',
      message: 'nats-server 2.9 is too old',
      fixable: false,
    },
  });
});

it('a server that nobody reaches is no finding but an error', () => {
  const error = new BrokerError('JETFLEET_BROKER_UNREACHABLE', 'nobody answers', { retryable: true });
  expect(() => diagnoseServerError(error)).toThrow(error);
});

it('without a monitoring page the doctor says how to name one', async () => {
  expect(await checkSync(undefined)).toMatchObject([
    { finding: { code: 'sync_interval_unknown', message: expect.stringContaining('--monitor-url') } },
  ]);
});
