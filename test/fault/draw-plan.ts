/** Draws the plan of one run from a seed. */
import { LANGUAGES, languages } from './language-scenario.js';
import { ACK_WAIT_MS, PROVIDER_TIMEOUT_MS, type RunPlan } from './plan.js';
import { Random } from './random.js';
import { addCreate, type Draft, nextId, scenariosFor } from './scenarios.js';
import { task, webhook } from './workload.js';

/** In a round every scenario has its turn, and then `mixed` has several. */
const MIXED_IN_A_ROUND = 5;

/** Draws one run. Without a scenario they take turns. */
export function drawPlan(seed: string, run: number, cluster: boolean, wanted?: string): RunPlan {
  const scenarios = scenariosFor(cluster);
  const names = Object.keys(scenarios).filter((name) => name !== 'mixed');
  const turn = names[run % (names.length + MIXED_IN_A_ROUND)] ?? 'mixed';
  const scenario = wanted ?? turn;
  const name = `${seed}/${run}`;
  const random = new Random(`${name}/${cluster ? 'cluster' : 'single'}`);
  const plan = {
    name,
    scenario,
    workers: random.int(2, 3),
    redrive: false,
    clockOffsetsMs: [],
    renewsCreds: false,
    throwsInCallbacks: false,
    awaitsWorkers: false,
    ackWaitMs: ACK_WAIT_MS,
    providerTimeoutMs: PROVIDER_TIMEOUT_MS,
  };
  const draft: Draft = { ...plan, jobs: [], schedules: [], cancels: [], signals: [], faults: [], serial: 0 };
  for (let n = random.int(1, 3); n > 0; n--) addCreate(random, draft);
  for (let n = random.int(3, 6); n > 0; n--) draft.jobs.push(task(random, nextId(draft, 'task')));
  draft.jobs.push(webhook(random, nextId(draft, 'hook')));
  if (scenario === LANGUAGES) languages(random, draft, scenarios);
  else scenarios[scenario]?.(random, draft);
  const { serial: _, ...drawn } = draft;
  return drawn;
}
