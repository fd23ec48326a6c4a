import { describe, expect, it } from 'vitest';
import { createActor } from 'xstate';
import { getShortestPaths } from 'xstate/graph';
import { monitorInstanceMachine } from '../../../machines/index.js';
import {
  auth,
  deleting,
  inputAt,
  MAX_WAIT,
  notFound,
  notOurs,
  provisioning,
  ready,
  run,
  seenLate,
  timedOut,
  transient,
} from './monitor-instance-fixture.js';

describe('run after run', () => {
  it('removes a stuck instance within a poll of its deadline, and ends when it is gone', async () => {
    let deletedAt: number | undefined;
    let checkpoint: unknown;
    let now = 0;
    for (let runs = 0; runs < 200; runs += 1) {
      const at = now;
      const { outcome } = await run(inputAt(at, {}, checkpoint), {
        check: () => (deletedAt !== undefined && at > deletedAt + 5_000 ? null : provisioning),
        remove: () => {
          deletedAt ??= at;
        },
      });
      if (outcome.kind !== 'snoozed') {
        expect(outcome).toMatchObject(timedOut);
        expect(deletedAt).toBeGreaterThan(MAX_WAIT);
        // The second read past the deadline confirms the first.
        expect(deletedAt).toBeLessThan(MAX_WAIT + 1_000 + 2_000);
        // Until it is gone, and for the settling time.
        expect(now).toBeLessThan(MAX_WAIT + 2_000 + 5_000 + 10_000 + 5_000);
        return;
      }
      expect(outcome.delayMs).toBeGreaterThan(0);
      if (outcome.checkpoint !== undefined) checkpoint = outcome.checkpoint;
      now += outcome.delayMs;
    }
    expect.unreachable('the monitor never ended');
  });
});

describe('every path through the chart', () => {
  type Event = Parameters<typeof monitorInstanceMachine.transition>[1];
  const event = (kind: 'done' | 'error', state: string, value?: unknown) =>
    ({
      type: `xstate.${kind}.actor.0.monitor_instance.${state}`,
      [kind === 'done' ? 'output' : 'error']: value,
    }) as unknown as Event;
  const checks = [
    null,
    provisioning,
    ready,
    { status: 'failed', healthy: false },
    { status: 'stopped', healthy: false },
  ];
  const reading = ['checking', 'verifyingGone', 'verifyingStopped'];
  const states = [...reading, 'deleting', 'stopping'];
  const events = [
    ...checks.flatMap((check) => reading.map((state) => event('done', state, check))),
    event('done', 'deleting'),
    event('done', 'stopping'),
    ...states.flatMap((state) =>
      [transient(), auth(), notFound(), notOurs()].map((error) => event('error', state, error)),
    ),
  ];
  const inputs = [0, MAX_WAIT + 1, MAX_WAIT + 60_001, MAX_WAIT + 1_200_002].flatMap((ms) =>
    (['delete', 'stop', 'keep'] as const).flatMap((onTimeout) =>
      [undefined, seenLate, deleting(MAX_WAIT + 1)].map((checkpoint) =>
        inputAt(ms, { onTimeout }, checkpoint),
      ),
    ),
  );
  const paths = inputs.flatMap((input) =>
    getShortestPaths(monitorInstanceMachine, { input, events }).map((path) => ({ input, ...path })),
  );

  it('reaches every state', () => {
    const reached = new Set(paths.map(({ state }) => state.value));
    // These two are left at once.
    expect([...reached, 'deciding', 'applyingTimeout'].sort()).toEqual(
      Object.keys(monitorInstanceMachine.states).sort(),
    );
  });

  it('ends each run with the outcome of its state, and touches no instance before its deadline', () => {
    const kinds = { completed: 'completed', snoozed: 'snoozed', timedOut: 'failed', failed: 'failed' };
    for (const { input, state } of paths) {
      if (state.value === 'deleting' || state.value === 'stopping') {
        expect(state.context.elapsedMs > MAX_WAIT || input.checkpoint !== undefined).toBe(true);
      }
      if (state.status !== 'done') continue;
      expect(state.output?.kind).toBe(kinds[state.value as keyof typeof kinds]);
      const flagged = state.output?.kind === 'failed' && state.output.timedOut === true;
      if (state.value === 'timedOut') expect(flagged).toBe(true);
      if (state.output?.kind === 'snoozed') expect(state.output.delayMs).toBeGreaterThan(0);
    }
  });

  it('can be created without input', () => {
    const actor = createActor(monitorInstanceMachine, { input: undefined as never }).start();
    expect(actor.getSnapshot().value).toBe('checking');
    actor.stop();
  });
});
