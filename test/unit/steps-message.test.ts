import { describe, expect, it } from 'vitest';
import { unrecorded } from '../../src/inspect/stately/unrecorded.js';
import { Sealer } from '../../src/wire/sealer.js';
import { decodeSteps, encodeSteps } from '../../src/wire/steps.js';
import type { ToldStep } from '../../src/wire/told-steps.js';

const sealer = new Sealer([]);
const at = (index: number) => new Date(1_700_000_000_000 + index).toISOString();

function stepsOf(count: number, more: (index: number) => Partial<ToldStep>): ToldStep[] {
  return Array.from({ length: count }, (_, index) => ({
    ...{ index, attempt: 1, at: at(index), worker: 'w', actor: 'a', kind: 'event' as const },
    ...more(index),
  }));
}

/** As a reader gets them. */
function stored(steps: ToldStep[]): ToldStep[] {
  const text = encodeSteps({ v: 1, of: at(0), fence: 1, total: steps.length, steps }, sealer);
  return decodeSteps(Buffer.from(text))?.steps ?? [];
}

describe('the steps that are stored of a job', () => {
  it('keep every context before what came with events, and of that the newest', () => {
    const kept = stored(
      stepsOf(120, (index) => ({
        ...(index % 2 === 0 && { event: 'PAGE', data: 'd'.repeat(4_000) }),
        ...(index % 2 === 1 && {
          kind: 'transition' as const,
          context: { page: `${index}`.padStart(900, 'c') },
        }),
      })),
    );
    expect(kept.filter(({ contextCut }) => contextCut)).toEqual([]);
    expect(kept.at(-1)?.context).toEqual({ page: '119'.padStart(900, 'c') });
    const withData = kept.filter(({ data }) => data !== undefined).map(({ index }) => index);
    expect(withData.length).toBeGreaterThan(10);
    expect(withData.at(0)).toBe(118 - 2 * (withData.length - 1));
    expect(withData.at(-1)).toBe(118);
  });

  it('leave out what an actor begins with, which its first context shows', () => {
    const begin: ToldStep = {
      ...(stepsOf(1, () => ({}))[0] as ToldStep),
      event: 'xstate.init',
      data: { input: 1 },
    };
    expect(stored([begin])[0]).not.toHaveProperty('data');
  });
});

describe('what a watch hears besides the recorded steps', () => {
  const recorded = stepsOf(3, (index) => ({ at: at(5), event: `E${index}` }));
  const isNew = unrecorded(recorded);

  it('is each step that is not recorded, also of the same millisecond', () => {
    const again = recorded.filter(isNew);
    expect(again).toEqual([]);
    expect(isNew({ ...(recorded[2] as ToldStep), event: 'E3' })).toBe(true);
  });

  it('is not what one worker did before, but all of a worker whose clock is behind', () => {
    expect(isNew({ ...(recorded[0] as ToldStep), at: at(1), event: 'between' })).toBe(false);
    expect(isNew({ ...(recorded[0] as ToldStep), at: at(1), worker: 'late' })).toBe(true);
  });
});
