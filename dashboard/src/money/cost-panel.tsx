import { FLOW } from '../../../src/jobs/family.js';
import type { JobCost, JobRecord } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { shared } from '../shared.js';
import { Panel } from '../ui/page.js';
import { Amount } from './amount.js';
import { InstancesTable } from './instances-table.js';

/** What was rented for a job, and what it has cost; nothing for a job that has rented nothing. */
export function CostPanel({ job: { id, type, payload } }: { job: JobRecord }) {
  const isOfInstance = type === 'create_instance' || Object.hasOwn(Object(payload), 'novitaInstanceId');
  const path =
    !shared && (isOfInstance || type === FLOW) ? `/instances/${encodeURIComponent(id)}/cost` : undefined;
  const { data } = useResource<JobCost>(path, { everyMs: 10_000 });
  if (!data || data.instances.length === 0) return null;
  const { cost, ratePerHour, isUnpriced, instances } = data;
  return (
    <Panel title="Cost">
      <p>
        <strong>
          <Amount of={cost} isUnpriced={isUnpriced} />
        </strong>{' '}
        so far
        {ratePerHour > 0 && (
          <>
            , <Amount of={ratePerHour} /> an hour now
          </>
        )}
      </p>
      <div class="table-scroll">
        <InstancesTable instances={instances} />
      </div>
    </Panel>
  );
}
