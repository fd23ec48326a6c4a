import { isTerminal } from '../../../src/jobs/vocabulary.js';
import type { DeliveryDetail, ParkedReason } from '../api/answers.js';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { Fact } from '../job/facts.js';
import { can, pathOf } from '../jobs/job-actions.js';
import { Link } from '../router.js';
import { formatDuration } from '../ui/format.js';
import { JsonPanel, JsonView } from '../ui/json.js';
import { Empty, Loaded, Page, Panel } from '../ui/page.js';
import { StatusBadge } from '../ui/status.js';
import { Time } from '../ui/time.js';
import { attempt } from '../ui/toasts.js';

export function WebhookPage({ id }: { id: string }) {
  const path = `/webhooks/${encodeURIComponent(id)}`;
  const delivery = useResource<DeliveryDetail>(path);
  const missing = (
    <div class="panel">
      <Empty title={`There is no delivery ${id}.`}>
        <Link to="/webhooks">All deliveries</Link>
      </Empty>
    </div>
  );
  const redeliver = async () => {
    await attempt(
      () => post(`${path}/redeliver`),
      () => 'It is delivered again.',
    );
    delivery.reload();
  };
  return (
    <Page
      title={id}
      about={
        delivery.data && (
          <span class="badges">
            <StatusBadge status={delivery.data.status} state={delivery.data.state} />
            <span class="url">{delivery.data.endpoint ?? delivery.data.url}</span>
          </span>
        )
      }
      actions={delivery.data && <Redeliver delivery={delivery.data} onRedeliver={redeliver} />}
    >
      <Loaded of={delivery} missing={missing}>
        {(loaded) => <Details delivery={loaded} />}
      </Loaded>
    </Page>
  );
}

const PARKED: Record<ParkedReason, string> = {
  disabled: 'its endpoint is disabled',
  resting: 'its endpoint rests after failures',
  turn: 'others come before it',
  line: 'its endpoint rests after failures, or has as many as it may have at once',
};

/** One that waits for its next try is sent now; one that has ended is sent once more. */
function Redeliver({ delivery, onRedeliver }: { delivery: DeliveryDetail; onRedeliver(): void }) {
  const isOperator = useMay('operator');
  if (!isOperator) return null;
  if (can('promote', delivery) && delivery.parked === undefined)
    return (
      <button type="button" class="primary" onClick={() => deliverNow(delivery.id)}>
        Deliver now
      </button>
    );
  return (
    <button type="button" class="primary" disabled={!isTerminal(delivery.status)} onClick={onRedeliver}>
      Deliver again
    </button>
  );
}

async function deliverNow(id: string): Promise<void> {
  await attempt(
    () => post(pathOf(id, 'promote')),
    () => 'It is delivered now.',
  );
}

function Details({ delivery }: { delivery: DeliveryDetail }) {
  const { event, parentId, attempts, payload, createdAt, nextRunAt, maxAttempts } = delivery;
  return (
    <>
      <dl class="facts">
        {event && <Fact name="Event">{event}</Fact>}
        <Fact name="Created">
          <Time at={createdAt} />
        </Fact>
        {nextRunAt && (
          <Fact name="Next try">
            <Time at={nextRunAt} />
          </Fact>
        )}
        {delivery.parked && <Fact name="Held back">{PARKED[delivery.parked]}</Fact>}
        <Fact name="Tries">
          {attempts.length} of {maxAttempts}
        </Fact>
        {parentId && (
          <Fact name="Tells of">
            <Link to={`/jobs/${encodeURIComponent(parentId)}`}>{parentId}</Link>
          </Fact>
        )}
        <Fact name="Job">
          <Link to={`/jobs/${encodeURIComponent(delivery.id)}`}>its chart and history</Link>
        </Fact>
      </dl>
      <div class="grid two">
        <Panel title="Attempts">
          {attempts.length === 0 ? <Empty title="Not tried yet." /> : <Tries attempts={attempts} />}
        </Panel>
        {payload !== undefined && <JsonPanel title="Payload" value={payload} />}
      </div>
    </>
  );
}

function Tries({ attempts }: Pick<DeliveryDetail, 'attempts'>) {
  return (
    <ol class="attempts">
      {[...attempts].reverse().map(({ attempt: number, at, durationMs, response, error, excerpt }) => (
        <li key={`${number}-${at}`}>
          <div class="attempt-head">
            <strong>Attempt {number}</strong>
            <span class={error ? 'badge failed' : 'badge completed'}>
              {response?.status === undefined
                ? (response?.error ?? error?.code ?? 'sent')
                : `HTTP ${response.status}`}
            </span>
            <span class="quiet end">
              <Time at={at} />
              {durationMs !== undefined && ` · ${formatDuration(durationMs)}`}
            </span>
          </div>
          {error && <p class="error-line">{error.message}</p>}
          {response && (
            <div class="json">
              <JsonView value={response} depth={1} />
            </div>
          )}
          {excerpt && <pre>{excerpt}</pre>}
        </li>
      ))}
    </ol>
  );
}
