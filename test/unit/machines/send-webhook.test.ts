import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { type Delivery, type Parked, type RunInput, sendWebhookMachine } from '../../../machines/index.js';
import { JetfleetError } from '../../../src/jobs/errors.js';
import type { SendWebhookPayload } from '../../../src/webhooks/schemas.js';

const payload: SendWebhookPayload = { url: 'https://e.test/', payload: { a: 1 } };
const input: RunInput<SendWebhookPayload> = {
  jobId: 'hook-1',
  type: 'send_webhook',
  attempt: 1,
  maxAttempts: 10,
  payload,
  now: '2026-01-01T00:00:00.000Z',
};
const gone = new JetfleetError('JETFLEET_WEBHOOK_GONE', 'answered 410');
const busy = new JetfleetError('JETFLEET_WEBHOOK_FAILED', 'answered 503', {
  retryable: true,
  retryAfterMs: 9_000,
});

async function deliver(answer: () => Delivery | Parked) {
  const given: unknown[] = [];
  const machine = sendWebhookMachine.provide({
    actors: {
      deliver: fromPromise(async (args): Promise<Delivery | Parked> => {
        given.push(args.input);
        return answer();
      }),
    },
  });
  const actor = createActor(machine, { input }).start();
  const outcome = await toPromise(actor);
  expect(given).toEqual([{ jobId: 'hook-1', payload }]);
  return { outcome, state: actor.getSnapshot().value };
}

const fail = (error: unknown) => () => {
  throw error;
};

describe('delivering a webhook', () => {
  it('completes with the status and the time it took', async () => {
    expect(await deliver(() => ({ status: 204, durationMs: 12 }))).toEqual({
      state: 'delivered',
      outcome: { kind: 'completed', result: { status: 204, durationMs: 12 } },
    });
  });

  it('asks for another try, when the endpoint said, after an error that may pass', async () => {
    const { outcome, state } = await deliver(fail(busy));
    expect(state).toBe('retryLater');
    expect(outcome).toEqual({
      kind: 'failed',
      error: {
        code: 'JETFLEET_WEBHOOK_FAILED',
        message: 'answered 503',
        retryable: true,
        retryAfterMs: 9_000,
      },
    });
    expect((await deliver(fail(new TypeError('fetch failed')))).state).toBe('retryLater');
  });

  it('gives up on an endpoint that wants no more', async () => {
    const { outcome, state } = await deliver(fail(gone));
    expect(state).toBe('refused');
    expect(outcome).toMatchObject({ kind: 'failed', error: { retryable: false } });
  });

  it('hibernates where its endpoint cannot take it now', async () => {
    const parked = { parkForMs: 50, checkpoint: { parked: 'resting' } };
    const { outcome, state } = await deliver(() => parked);
    expect(state).toBe('parked');
    expect(outcome).toMatchObject({ kind: 'snoozed', delayMs: 50, checkpoint: { parked: 'resting' } });
  });

  it('reaches every state, and starts without input', () => {
    const event = (type: string, more: object) =>
      ({ type: `xstate.${type}.actor.0.send_webhook.delivering`, ...more }) as never;
    const events = [
      event('done', { output: { status: 200, durationMs: 1 } }),
      event('done', { output: { parkForMs: 50, checkpoint: { parked: 'resting' } } }),
      event('error', { error: gone }),
      event('error', { error: busy }),
    ];
    const reached = getShortestPaths(sendWebhookMachine, { events }).map(({ state }) => state.value);
    expect(reached.sort()).toEqual(Object.keys(sendWebhookMachine.states).sort());
  });
});
