/** A client that may publish anything, and means no good. */
import { INSTANCE_NAME_PREFIX } from '../../src/gpu/instance-name.js';
import type { JobRecord } from '../../src/index.js';
import type { Subjects } from '../../src/wire/subjects.js';
import { QUERY } from '../support/simulated-novita.js';
import type { Arena } from './arena.js';
import type { Notice } from './plan.js';

/** What no job of a run is called: one of this name was made from an answer. */
export const FORGED_ID = 'forged';
const ORPHANS = 2_000;
const MANY = 20;

/** Headers that a producer of one job has no business with. `OTHER` stands for the id of another job of the run. */
export const HOSTILE_HEADERS: readonly (readonly [string, string])[] = [
  ['Nats-Rollup', 'all'],
  ['Nats-Rollup', 'sub'],
  ['Nats-TTL', '1s'],
  ['Nats-Schedule', '@every 1s'],
  ['Nats-Schedule-Next', 'purge'],
  ['Nats-Scheduler', 'schedules.jobs.x'],
  ['Nats-Stream-Source', 'TIMERS 1 > >'],
  ['Nats-Msg-Id', 'OTHER'],
  ['Nats-Expected-Last-Sequence', '0'],
  ['Jetfleet-Event-Seq', '1'],
  ['Jetfleet-Parent-Id', 'OTHER'],
  ['Jetfleet-Created-At', '9999-12-31T23:59:59Z'],
  ['Jetfleet-Max-Attempts', '0'],
  ['Jetfleet-Timeout-Ms', '1e9'],
  ['Jetfleet-Webhook-Url', 'http://user:pw@127.0.0.1/'],
];

/** Says to every worker what only a process of Jetfleet would say. */
export async function forgeNotice(notice: Notice, { observer }: Arena): Promise<boolean> {
  const { connection, subjects } = await observer.broker();
  const { jobs } = await observer.getJobs({ status: 'processing', limit: 100 });
  const reply = subjects.work({ kind: 'jobs', priority: 'critical', type: 'task', id: FORGED_ID });
  for (let n = 0; n < MANY; n++) {
    for (const { subject, body } of forged(notice, subjects, jobs)) {
      connection.publish(subject, JSON.stringify(body), { reply });
    }
  }
  await connection.flush();
  return true;
}

function forged(
  notice: Notice,
  subjects: Subjects,
  jobs: readonly JobRecord[],
): { subject: string; body: unknown }[] {
  const tomorrow = Date.now() + 24 * 60 * 60 * 1000;
  switch (notice) {
    case 'cancelled':
      return jobs.map(({ id }) => ({ subject: subjects.notices.cancelled(), body: { id, seq: 2 ** 40 } }));
    case 'swept': {
      const orphans = Array.from({ length: ORPHANS }, (_, n) => [`orphan-${n}`, 0]);
      return [
        { subject: subjects.notices.swept(), body: { resources: ['instances'], orphans, at: tomorrow } },
      ];
    }
    case 'drain':
      return jobs.map(({ worker }) => ({
        subject: subjects.notices.drainOrdered(),
        body: { worker, drain: [true] },
      }));
    case 'watch':
      return [{}, { jobId: '*' }, { jobId: 7 }, ...jobs.map(({ id }) => ({ jobId: id }))].map((body) => ({
        subject: subjects.notices.watched(),
        body,
      }));
    case 'workers':
      return [{ subject: subjects.notices.workersAsked(), body: null }];
    case 'charts':
      return [{ subject: subjects.notices.chartsAsked(), body: { machine: 'constructor' } }];
  }
}

/** Rents instances that are no business of Jetfleet's, and has jobs delete and stop them. */
export async function touchForeignInstances({ provider, observer, foreign }: Arena): Promise<void> {
  const [offer] = await provider.listOffers(QUERY);
  const template = await provider.getTemplate('template-123');
  if (!offer) throw new Error('the simulator offers nothing');
  for (const name of ['theirs', `${INSTANCE_NAME_PREFIX}theirs`]) {
    const { providerInstanceId: id } = await provider.create({
      name,
      offer,
      template,
      gpuNum: 1,
      rootfsSize: 60,
    });
    foreign.add(id);
    const address = { instanceId: name, novitaInstanceId: id };
    await observer.addJob('delete_instance', address);
    await observer.addJob('monitor_instance', {
      ...address,
      startTime: '2020-01-01T00:00:00Z',
      maxWaitTime: 1,
      onTimeout: 'stop',
    });
  }
}
