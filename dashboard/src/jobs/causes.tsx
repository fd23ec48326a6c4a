import type { ComponentChildren } from 'preact';
import { useMemo } from 'preact/hooks';
import { defined } from '../../../src/jobs/defined.js';
import type { DeadLetterCause, DeadLetterCauses } from '../api/answers.js';
import { post, queryOf } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { Link, type Place, usePlace, withQuery } from '../router.js';
import { confirm } from '../ui/confirm.js';
import { formatCount } from '../ui/format.js';
import { Panel } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { attempt } from '../ui/toasts.js';
import type { JobFilter } from './job-actions.js';
import { askedBy, tagsIn } from './job-list.js';

/** Counting reads every dead letter. */
const EVERY_MS = 15_000;
const SHOWN = 8;

/** Why jobs have failed, the most frequent reason first, and what can be done with those of one reason. */
export function Causes() {
  const place = usePlace();
  const mayChange = useMay('operator');
  const filter = useMemo(() => filterOf(place), [place.query.toString()]);
  const found = useResource<DeadLetterCauses>(pathOf(filter), { isLive: false, everyMs: EVERY_MS });
  const { causes = [], total = 0 } = found.data ?? {};
  if (!filter || causes.length === 0) return null;
  const rest = total - causes.slice(0, SHOWN).reduce((sum, { count }) => sum + count, 0);
  return (
    <Panel title="Causes">
      <table class="data">
        <thead>
          <tr>
            <th>Error</th>
            <th class="number">Jobs</th>
            <th>Types</th>
            <th>First</th>
            <th>Last</th>
            {mayChange && <th>Change</th>}
          </tr>
        </thead>
        <tbody>
          {causes.slice(0, SHOWN).map((cause) => (
            <Row key={cause.id} cause={cause} place={place}>
              {mayChange && (
                <td data-label="change">
                  <Actions cause={cause} filter={filter} isCounted={!found.isLoading} onDone={found.reload} />
                </td>
              )}
            </Row>
          ))}
        </tbody>
      </table>
      {rest > 0 && <p class="quiet">{formatCount(rest)} more of other causes</p>}
    </Panel>
  );
}

/** What the address asks for, besides a cause; undefined where it asks for what causes are not counted by. */
function filterOf({ query }: Place): JobFilter | undefined {
  const { type, since, until, errorCode, tag, priority, id, state } = askedBy(query);
  if (priority ?? id ?? state) return undefined;
  return defined({ type, since, until, errorCode, tags: tag === undefined ? undefined : tagsIn(tag) });
}

function pathOf(filter: JobFilter | undefined): string | undefined {
  if (!filter) return undefined;
  const { type, since, until, errorCode, tags } = filter;
  return `/dead-letters/causes${queryOf({ type, since, until, errorCode, tag: tags?.join(',') })}`;
}

interface RowProps {
  cause: DeadLetterCause;
  place: Place;
  children: ComponentChildren;
}

function Row({ cause, place, children }: RowProps) {
  const { id, count, code, message, types, firstAt, lastAt } = cause;
  return (
    <tr>
      <th scope="row" class="error-cell">
        <div class="id">
          <Link to={withQuery(place, { cause: id })}>{code}</Link>
        </div>
        <div class="error-text">{message}</div>
      </th>
      <td class="number" data-label="jobs">
        {formatCount(count)}
      </td>
      <td data-label="types">{types.join(', ')}</td>
      <td data-label="first">
        <Time at={firstAt} />
      </td>
      <td data-label="last">
        <Time at={lastAt} />
      </td>
      {children}
    </tr>
  );
}

interface ActionsProps {
  cause: DeadLetterCause;
  /** What the jobs of the cause were counted by. */
  filter: JobFilter;
  /** False while the count is that of another filter. */
  isCounted: boolean;
  onDone(): void;
}

function Actions({ cause: { id, count, code }, filter, isCounted, onDone }: ActionsProps) {
  const isAdmin = useMay('admin');
  const target = { ...filter, cause: id };
  const whose = `${formatCount(count)} ${count === 1 ? 'job' : 'jobs'} with ${code}`;
  const retry = async () => {
    const text = 'They run again with a fresh count of attempts, ten a second. The broker keeps the pace.';
    if (!(await confirm({ title: `Retry ${whose}?`, text, action: 'Retry them' }))) return;
    await attempt(
      () => post<{ ids: string[] }>('/dead-letters/retry', { filter: target, rate: 10 }),
      ({ ids }) => `${ids.length} run again.`,
    );
    onDone();
  };
  const remove = async () => {
    const text = 'Their records, events and messages are removed. Nothing brings them back.';
    const title = `Delete ${whose}?`;
    if (!(await confirm({ title, text, action: 'Delete them', isDanger: true }))) return;
    await attempt(
      () => post<{ removed: number }>('/dead-letters/delete', { filter: target }),
      ({ removed }) => `${removed} are deleted.`,
    );
    onDone();
  };
  return (
    <div class="actions">
      <button type="button" class="small" aria-label={`Retry ${whose}`} disabled={!isCounted} onClick={retry}>
        Retry
      </button>
      {isAdmin && (
        <button
          type="button"
          class="danger small"
          aria-label={`Delete ${whose}`}
          disabled={!isCounted}
          onClick={remove}
        >
          Delete
        </button>
      )}
    </div>
  );
}
