import { STATUSES } from '../../../src/jobs/vocabulary.js';
import type { Delivery } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { useResource } from '../api/use-resource.js';
import { ReplayButton } from '../endpoints/replay-button.js';
import { pageLinks } from '../jobs/job-list.js';
import { Pager } from '../jobs/pager.js';
import { Link, navigate, usePlace, withFilter } from '../router.js';
import { Empty, Loaded, Page } from '../ui/page.js';
import { StatusBadge } from '../ui/status.js';
import { TextFilters } from '../ui/text-filters.js';
import { Time } from '../ui/time.js';

const PAGE_SIZE = 50;
const FILTERS = ['status', 'endpoint', 'event', 'answer'] as const;
const TEXTS = [
  ['endpoint', 'Endpoint', 'billing'],
  ['event', 'Event', 'job.failed'],
  ['answer', 'Answer', '503, timeout'],
] as const;

export function WebhooksPage() {
  const place = usePlace();
  const [status = '', endpoint = '', event = '', answer = ''] = FILTERS.map(
    (name) => place.query.get(name) ?? '',
  );
  const path = `/webhooks${queryOf({ status, endpoint, event, answer, limit: PAGE_SIZE, cursor: place.query.get('cursor') ?? undefined })}`;
  const list = useResource<{ deliveries: Delivery[]; cursor?: string }>(path);
  const links = pageLinks(place, list.data?.cursor);
  return (
    <Page
      title="Webhooks"
      about="One signed delivery for each operation, tried until its endpoint accepts it."
      actions={
        <>
          <Link to="/endpoints">Endpoints</Link>
          {(status === '' || status === 'failed') && (
            <ReplayButton
              filter={{
                endpoint: endpoint || undefined,
                event: event || undefined,
                answer: answer || undefined,
              }}
              onReplayed={list.reload}
            />
          )}
        </>
      }
    >
      <fieldset class="filters" aria-label="Filter">
        <label>
          Status
          <select
            value={status}
            onChange={({ currentTarget: { value } }) =>
              navigate(withFilter(place, { status: value }), { replace: true })
            }
          >
            <option value="">all</option>
            {STATUSES.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
        <TextFilters of={TEXTS} />
      </fieldset>
      <Loaded of={list}>
        {({ deliveries, cursor }) =>
          deliveries.length === 0 && (cursor !== undefined || !links.isFirst) ? (
            <section class="panel flush" aria-label="Deliveries">
              <Empty title="Nothing on this page; others may match." />
              <Pager list={links} isNewest of="deliveries" />
            </section>
          ) : deliveries.length === 0 ? (
            <div class="panel">
              <Empty title={status ? `No ${status} delivery.` : 'No webhooks yet.'}>
                <p>
                  Give a job a <code>webhookUrl</code>, and Jetfleet tells that address how it went.
                </p>
              </Empty>
            </div>
          ) : (
            <section class="panel flush" aria-label="Deliveries">
              <Deliveries deliveries={deliveries} />
              <Pager list={links} isNewest of="deliveries" />
            </section>
          )
        }
      </Loaded>
    </Page>
  );
}

function Deliveries({ deliveries }: { deliveries: readonly Delivery[] }) {
  return (
    <table class="data">
      <thead>
        <tr>
          <th>Delivery</th>
          <th>Event</th>
          <th>Endpoint</th>
          <th>Status</th>
          <th>Answer</th>
          <th class="number">Attempt</th>
          <th>Changed</th>
        </tr>
      </thead>
      <tbody>
        {deliveries.map((delivery) => (
          <tr key={delivery.id}>
            <th scope="row" class="id">
              <Link to={`/webhooks/${encodeURIComponent(delivery.id)}`}>{delivery.id}</Link>
            </th>
            <td data-label="event">{delivery.event ?? <span class="quiet">–</span>}</td>
            <td data-label="endpoint" class="url">
              {delivery.endpoint ?? delivery.url}
            </td>
            <td data-label="status">
              <StatusBadge status={delivery.status} state={delivery.state} />
            </td>
            <td data-label="answer">{answerOf(delivery)}</td>
            <td class="number" data-label="attempt">
              {delivery.attempt}/{delivery.maxAttempts}
            </td>
            <td data-label="changed">
              <Time at={delivery.updatedAt} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function answerOf({ response, error }: Delivery): string {
  if (response?.status !== undefined) return `HTTP ${response.status}`;
  if (response?.error !== undefined) return response.error;
  return error?.message ?? '–';
}
