import type { RentedInstance } from '../api/answers.js';
import { pathOfJob } from '../jobs/exact-job.js';
import { Tags } from '../jobs/tags.js';
import { Link } from '../router.js';
import { Time } from '../ui/time.js';
import { Amount } from './amount.js';

const LOOKS = { running: 'completed', stopped: 'pending', ended: '' } as const;
const ENDS = {
  deleted: 'deleted',
  gone: 'deleted from outside',
  reclaimed: 'reclaimed',
  watchdog: 'ended by its watchdog',
} as const;

/** Instances as the ledger knows them. */
export function InstancesTable({ instances }: { instances: readonly RentedInstance[] }) {
  return (
    <table class="data">
      <thead>
        <tr>
          <th>Instance</th>
          <th>Job</th>
          <th>Status</th>
          <th>Account</th>
          <th>Rented</th>
          <th>Ended</th>
          <th class="number">An hour</th>
          <th class="number">Cost</th>
        </tr>
      </thead>
      <tbody>
        {instances.map((instance) => (
          <Row key={`${instance.provider} ${instance.novitaInstanceId}`} instance={instance} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ instance }: { instance: RentedInstance }) {
  const { novitaInstanceId, jobId, tags, status, provider, account, region, rentedAt, endedAt, end } =
    instance;
  const { ratePerHour, cost, isUnpriced } = instance;
  return (
    <tr>
      <th scope="row" class="id">
        {novitaInstanceId}
        {region && <div class="quiet">{region}</div>}
      </th>
      <td data-label="job">
        {jobId ? (
          <Link class="id" to={pathOfJob(jobId)}>
            {jobId}
          </Link>
        ) : (
          <span class="quiet">–</span>
        )}
        {tags.length > 0 && <Tags tags={tags} />}
      </td>
      <td data-label="status">
        <span class={`badge ${LOOKS[status]}`}>{status}</span>
      </td>
      <td data-label="account">
        {provider} <div class="quiet url">{account}</div>
      </td>
      <td data-label="rented">
        <Time at={rentedAt} />
      </td>
      <td data-label="ended">
        <Time at={endedAt} />
        {end && <div class="quiet">{ENDS[end]}</div>}
      </td>
      <td class="number" data-label="an hour">
        <Amount of={ratePerHour} />
      </td>
      <td class="number" data-label="cost">
        <Amount of={cost} isUnpriced={isUnpriced} />
      </td>
    </tr>
  );
}
