import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import { getShortestPaths, getSimplePaths } from 'xstate/graph';
import { createInstanceChart, createInstanceMachine } from '../../../machines/index.js';
import type { JetfleetError } from '../../../src/jobs/errors.js';
import {
  ambiguous,
  capacity,
  comesLater,
  input,
  intent,
  noWaiting,
  OFFERS,
  refused,
} from './create-instance-fixture.js';

describe('every path through the chart', () => {
  type Event = Parameters<typeof createInstanceMachine.transition>[1];
  const done = (state: string, output: unknown) =>
    ({ type: `xstate.done.actor.0.create_instance.${state}`, output }) as unknown as Event;
  const error = (state: string, thrown: Error) =>
    ({ type: `xstate.error.actor.0.create_instance.${state}`, error: thrown }) as unknown as Event;
  const events = [
    done('resolvingOffers', OFFERS),
    done('resolvingOffers', []),
    done('recordingIntent', intent),
    done('lookingUp', []),
    done('lookingUp', [{ id: 'a' }]),
    done('lookingUp', [{ id: 'a' }, { id: 'b' }]),
    done('creating', { providerInstanceId: 'n' }),
    error('resolvingOffers', refused()),
    error('recordingIntent', refused()),
    error('lookingUp', refused()),
    error('creating', capacity()),
    error('creating', ambiguous()),
    error('creating', refused()),
    error('creating', comesLater()),
    { type: 'xstate.after.settleDelay.create_instance.settling' } as unknown as Event,
  ];
  const machine = createInstanceChart({ maxLookUps: 2, maxCreates: 2 });
  const paths = [undefined, intent].flatMap((checkpoint) =>
    getSimplePaths(machine, { input: { ...input, checkpoint }, events }),
  );

  it('reaches every state', () => {
    const reached = new Set(
      [undefined, intent].flatMap((checkpoint) =>
        getShortestPaths(machine, { input: { ...input, checkpoint }, events }).map(
          ({ state }) => state.value,
        ),
      ),
    );
    // `deciding` is left at once.
    expect(['deciding', ...reached].sort()).toEqual(Object.keys(machine.states).sort());
  });

  it('never creates twice without a refusal, or look-ups that found nothing, in between', () => {
    expect(paths.length).toBeGreaterThan(100);
    let creates = 0;
    for (const { steps } of paths) {
      let safeToCreate = false;
      let lookUps = 0;
      let neededLookUps = steps[0]?.state.context.outcomeUnknown ? 2 : 1;
      for (const { event, state } of steps) {
        const { output, error: thrown } = event as unknown as { output?: unknown[]; error?: JetfleetError };
        if (event.type.includes('done') && event.type.endsWith('lookingUp')) {
          lookUps = output?.length === 0 ? lookUps + 1 : 0;
          safeToCreate = lookUps >= neededLookUps;
        } else if (event.type.endsWith('creating')) {
          safeToCreate = thrown?.code === 'JETFLEET_PROVIDER_CAPACITY';
          if (thrown?.code === 'JETFLEET_PROVIDER_AMBIGUOUS') neededLookUps = 2;
          lookUps = 0;
        }
        if (state.value === 'creating') {
          creates += 1;
          expect(safeToCreate).toBe(true);
          expect(state.context.instanceName).not.toBe('');
        }
      }
    }
    expect(creates).toBeGreaterThan(100);
  });

  it('ends with an instance exactly when it completes', () => {
    for (const { state } of paths) {
      if (state.status !== 'done') continue;
      expect(state.output?.kind).toBe(state.value === 'waitingForTurn' ? 'snoozed' : state.value);
    }
  });

  it('can be created without input', () => {
    const actor = createActor(createInstanceMachine, { input: undefined as never }).start();
    expect(actor.getSnapshot().value).toBe('resolvingOffers');
    actor.stop();
  });
});

describe('against a provider that lags, loses answers and is crashed at', () => {
  const answer = fc.constantFrom('ok', 'capacity', 'lost', 'never arrived', 'crash before', 'crash after');

  it('never owns more than one instance', async () => {
    let completed = 0;
    const property = fc.asyncProperty(
      fc.array(answer, { maxLength: 12 }),
      fc.nat(4),
      async (answers, lag) => {
        const owned: { id: string; shownAfter: number }[] = [];
        let checkpoint: unknown;
        for (let attempt = 1; attempt <= 4; attempt += 1) {
          let crash = () => {};
          const crashed = new Promise<'crashed'>((resolve) => (crash = () => resolve('crashed')));
          const hang = () => new Promise<never>(() => crash());
          const machine = createInstanceMachine.provide({
            actors: {
              resolveOffers: fromPromise(async () => OFFERS),
              recordIntent: fromPromise(async () => (checkpoint = intent)),
              findInstances: fromPromise(async () =>
                owned.filter((one) => one.shownAfter-- <= 0).map(({ id }) => ({ id })),
              ),
              createInstance: fromPromise(async () => {
                const next = answers.shift() ?? 'ok';
                if (next === 'capacity') throw capacity();
                if (next === 'never arrived') throw ambiguous();
                if (next === 'crash before') return hang();
                owned.push({ id: `n-${owned.length}`, shownAfter: lag });
                if (next === 'lost') throw new TypeError('terminated');
                if (next === 'crash after') return hang();
                return { providerInstanceId: `n-${owned.length - 1}` };
              }),
            },
          });
          const actor = createActor(machine, { input: { ...input, attempt, checkpoint }, clock: noWaiting });
          const outcome = await Promise.race([toPromise(actor.start()), crashed]);
          actor.stop();
          expect(owned.length).toBeLessThanOrEqual(1);
          if (outcome === 'crashed' || outcome.kind !== 'completed') continue;
          completed += 1;
          expect(owned).toHaveLength(1);
          expect(outcome.result).toMatchObject({ novitaInstanceId: owned[0]?.id });
          return;
        }
      },
    );
    await fc.assert(property, { numRuns: 300 });
    expect(completed).toBeGreaterThan(100);
  });
});
