/** How a parent adds its children: any number of times, each child once. */
import type { Broker } from '../../broker/broker.js';
import { inParts } from '../../jobs/in-parts.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { unlessFaster } from '../../jobs/unless-faster.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { addNamed, assertSame } from '../job-add.js';
import { redriveJob } from '../job-redrive.js';
import type { CheckedJob } from '../job-request.js';
import { recordsById } from '../list/work-jobs.js';
import { storeEnd } from './child-ends.js';

const PARALLEL = 64;

/**
 * Adds the children that are not there. The end of one that has ended is stored again, where it was removed with the end of its
 * parent's life before; one that failed in that life runs again.
 * @throws JetfleetError `JETFLEET_ID_TAKEN` where the id of a child is another job's
 */
export async function spawnChildren(
  broker: Broker,
  parent: JobRecord,
  children: readonly CheckedJob[],
): Promise<void> {
  const known = await recordsById(
    broker,
    children.map(({ request }) => request.id),
  );
  await inParts(children, PARALLEL, async (child) => {
    const record = known.get(child.request.id);
    if (!record) return addChild(broker, child);
    assertSame(record, child.request);
    if (!isTerminal(record.status)) return;
    const isOfEarlierLife = (parent.redrives ?? 0) > (record.redrives ?? 0);
    if (record.status === 'failed' && isOfEarlierLife) await unlessFaster(redriveJob(broker, record.id));
    else await storeEnd(broker, { ...record, parentId: parent.id, ...awaitedOf(child) });
  });
}

function awaitedOf({ request: { awaited } }: CheckedJob): Pick<JobRecord, 'awaited'> {
  return awaited === undefined ? {} : { awaited };
}

/** One write as a rule: the id is derived, so that it is taken only where this was done before. */
async function addChild(broker: Broker, child: CheckedJob): Promise<void> {
  const { request, runAtMs, body } = child;
  const added = await unlessFaster(broker.jobs.enqueue(request, runAtMs, body));
  if (!added) await addNamed(broker, child);
}
