import type { DeadLetterCause, DeadLetterCauses } from '../../../src/jobs/dead-letter-causes.js';
import { post, queryOf } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { Link, usePlace } from '../router.js';
import { confirm } from '../ui/confirm.js';
import { formatCount } from '../ui/format.js';
import { Panel } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { attempt } from '../ui/toasts.js';
import { sinceOf } from './time-range.js';

/** Counting reads every dead letter. */
const EVERY_MS = 15_000;
const SHOWN = 8;

/** Why jobs have failed, the most frequent reason first, and what can be done with those of one reason. */
export function Causes() {
  const { query } = usePlace();
  const filter = {
    type: query.get('type') ?? undefined,
    since: sinceOf(query.get('range') ?? '') ?? query.get('since') ?? undefined,
    until: query.get('until') ?? undefined,
    errorCode: query.get('errorCode') ?? undefined,
    tag: query.get('tag') ?? undefined,
  };
  const found = useResource<DeadLetterCauses>(`/dead-letters/causes${queryOf(filter)}`, {
    isLive: false,
    everyMs: EVERY_MS,
  });
  const { causes = [], total = 0 } = found.data ?? {};
  if (causes.length === 0) return null;
  const rest = total - causes.slice(0, SHOWN).reduce((sum, { count }) => sum + count, 0);
  return (
    <Panel title="Causes">
      <table class="data">
        <thead>
          <tr>
            <th class="number">Jobs</th>
            <th>Error</th>
            <th>Types</th>
            <th>First</th>
            <th>Last</th>
            <th>Change</th>
          </tr>
        </thead>
        <tbody>
          {causes.slice(0, SHOWN).map((cause) => (
            <Row key={cause.id} cause={cause} onDone={found.reload} />
          ))}
        </tbody>
      </table>
      {rest > 0 && <p class="quiet">{formatCount(rest)} more of other causes</p>}
    </Panel>
  );
}

function Row({ cause, onDone }: { cause: DeadLetterCause; onDone(): void }) {
  const { id, count, code, message, types, firstAt, lastAt } = cause;
  return (
    <tr>
      <td class="number" data-label="jobs">
        {formatCount(count)}
      </td>
      <td data-label="error" class="error-cell">
        <div class="id">
          <Link to={`/dead-letters?cause=${id}`}>{code}</Link>
        </div>
        <div class="error-text">{message}</div>
      </td>
      <td data-label="types">{types.join(', ')}</td>
      <td data-label="first">
        <Time at={firstAt} />
      </td>
      <td data-label="last">
        <Time at={lastAt} />
      </td>
      <td>
        <Actions cause={cause} onDone={onDone} />
      </td>
    </tr>
  );
}

function Actions({ cause: { id, count, code }, onDone }: { cause: DeadLetterCause; onDone(): void }) {
  const isOperator = useMay('operator');
  const isAdmin = useMay('admin');
  const filter = { cause: id };
  const whose = `${formatCount(count)} ${count === 1 ? 'job' : 'jobs'} with ${code}`;
  const retry = async () => {
    const text = 'They run again with a fresh count of attempts, ten a second. The broker keeps the pace.';
    if (!(await confirm({ title: `Retry ${whose}?`, text, action: 'Retry them' }))) return;
    await attempt(
      () => post<{ ids: string[] }>('/dead-letters/retry', { filter, rate: 10 }),
      ({ ids }) => `${ids.length} run again.`,
    );
    onDone();
  };
  const remove = async () => {
    const text = 'Their records, events and messages are removed. Nothing brings them back.';
    const title = `Delete ${whose}?`;
    if (!(await confirm({ title, text, action: 'Delete them', isDanger: true }))) return;
    await attempt(
      () => post<{ removed: number }>('/dead-letters/delete', { filter }),
      ({ removed }) => `${removed} are deleted.`,
    );
    onDone();
  };
  return (
    <>
      {isOperator && (
        <button type="button" onClick={retry}>
          Retry
        </button>
      )}
      {isAdmin && (
        <button type="button" class="danger" onClick={remove}>
          Delete
        </button>
      )}
    </>
  );
}
