import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import {
  type CheckCheckpoint,
  type CheckedInstance,
  checkInstanceChart,
  type RunInput,
} from '../../../machines/index.js';
import type { CheckInstancePayload, PortAnswer } from '../../../src/instances/schemas.js';
import { JetfleetError } from '../../../src/jobs/errors.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const endpoint = { port: 80, protocol: 'http', url: 'https://a.test' };
const up: CheckedInstance = { status: 'running', healthy: true, endpoints: [endpoint] };
const answer = (isHealthy: boolean, port = 80): PortAnswer => ({
  ...{ port, protocol: 'http', isHealthy, durationMs: 1 },
  ...(isHealthy ? { status: 200 } : { error: 'ECONNREFUSED' }),
});

async function check(
  payload: Partial<CheckInstancePayload>,
  read: (ms: number) => CheckedInstance,
  probe: (ms: number) => PortAnswer[] = () => [answer(true)],
) {
  let checkpoint: CheckCheckpoint | undefined;
  for (let now = 0; now < 100_000; ) {
    const ms = now;
    const machine = checkInstanceChart({ verifyIntervalMs: 1_000, settleMs: 3_000 }).provide({
      actors: {
        readInstance: fromPromise(async () => read(ms)),
        probePorts: fromPromise(async () => probe(ms)),
      },
    });
    const input: RunInput<CheckInstancePayload> = {
      ...{ jobId: 'j', type: 'check_instance', attempt: 1, maxAttempts: 3 },
      payload: { instanceId: 'i', novitaInstanceId: 'p-1', maxWaitTime: 5_000, ...payload },
      now: new Date(START + ms).toISOString(),
      ...(checkpoint && { checkpoint }),
    };
    const outcome = await toPromise(createActor(machine, { input }).start());
    if (outcome.kind !== 'snoozed') return { outcome, ms };
    checkpoint = outcome.checkpoint as CheckCheckpoint;
    now += outcome.delayMs;
  }
  throw new Error('the check never ended');
}

describe('a health check', () => {
  it.each<[string, Partial<CheckInstancePayload>, CheckedInstance, PortAnswer[], boolean]>([
    ['runs and answers', {}, up, [answer(true)], true],
    ['runs and has no port', {}, { ...up, endpoints: [] }, [], true],
    ['runs, and one port does not answer', {}, up, [answer(true), answer(false, 81)], false],
    ['lacks a port that must answer', { ports: [80, 8080] }, up, [answer(true)], false],
    ['is stopped', {}, { ...up, status: 'stopped', healthy: false }, [], false],
    ['is reported unhealthy', {}, { ...up, healthy: false, reason: 'disk full' }, [answer(true)], false],
  ])('of an instance that %s', async (_, payload, read, ports, isHealthy) => {
    const { outcome, ms } = await check(
      payload,
      () => read,
      () => ports,
    );
    expect(outcome).toMatchObject({ kind: 'completed', result: { isHealthy, status: read?.status } });
    expect(ms).toBe(isHealthy ? 0 : 5_000);
  });

  it('waits for one that becomes healthy', async () => {
    const { outcome, ms } = await check(
      {},
      () => up,
      (at) => [answer(at >= 2_000)],
    );
    expect(outcome).toMatchObject({ kind: 'completed', result: { isHealthy: true, elapsedTime: 2_000 } });
    expect(ms).toBe(2_000);
  });

  it('takes an instance for gone only when that is proven', async () => {
    const { outcome, ms } = await check({ maxWaitTime: 1 }, () => null);
    expect(outcome).toMatchObject({ kind: 'completed', result: { isHealthy: false, status: 'terminated' } });
    expect(ms).toBeGreaterThanOrEqual(3_000);
  });

  it('fails with the error of a provider that cannot be read', async () => {
    const { outcome } = await check({}, () => {
      throw new JetfleetError('JETFLEET_PROVIDER_AUTH', 'no key', { retryable: false });
    });
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'JETFLEET_PROVIDER_AUTH' } });
  });
});
