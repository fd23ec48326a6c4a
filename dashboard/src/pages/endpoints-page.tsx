import { useState } from 'preact/hooks';
import type { WebhookEndpoint } from '../api/answers.js';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { AddEndpoint } from '../endpoints/add-endpoint.js';
import { ReplayButton } from '../endpoints/replay-button.js';
import { SecretDialog, type ShownSecret } from '../endpoints/secret-dialog.js';
import { Link } from '../router.js';
import { confirm } from '../ui/confirm.js';
import { formatCount, formatDuration } from '../ui/format.js';
import { Empty, Loaded, Page } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { attempt } from '../ui/toasts.js';

const STATES = {
  closed: ['active', 'completed'],
  open: ['resting', 'pending'],
  halfOpen: ['tried', 'pending'],
  disabled: ['disabled', 'failed'],
} as const;

/** Where webhooks go besides the addresses of jobs. */
export function EndpointsPage() {
  const list = useResource<{ endpoints: WebhookEndpoint[] }>('/webhook-endpoints', {
    isLive: false,
    everyMs: 5_000,
  });
  return (
    <Page
      title="Endpoints"
      about="Addresses that are sent the webhooks of all jobs."
      actions={
        <>
          <Link to="/webhooks">Deliveries</Link>
          <AddEndpoint onAdded={list.reload} />
        </>
      }
    >
      <Loaded of={list}>
        {({ endpoints }) =>
          endpoints.length === 0 ? (
            <div class="panel">
              <Empty title="No endpoints yet.">
                <p>Add one here or on the command line. Its secret is shown once.</p>
                <pre>jetfleet webhook endpoint add https://example.com/hooks --id billing</pre>
              </Empty>
            </div>
          ) : (
            <section class="panel flush" aria-label="Endpoints">
              <Table endpoints={endpoints} onChanged={list.reload} />
            </section>
          )
        }
      </Loaded>
    </Page>
  );
}

function Table({ endpoints, onChanged }: { endpoints: readonly WebhookEndpoint[]; onChanged(): void }) {
  return (
    <table class="data">
      <thead>
        <tr>
          <th>Endpoint</th>
          <th>Events</th>
          <th>State</th>
          <th>Limits</th>
          <th class="number">Kept</th>
          <th>Failing since</th>
          <th>Actions</th>
        </tr>
      </thead>
      <tbody>
        {endpoints.map((endpoint) => (
          <Row key={endpoint.id} endpoint={endpoint} onChanged={onChanged} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ endpoint, onChanged }: { endpoint: WebhookEndpoint; onChanged(): void }) {
  const { id, url, events, state, health, kept, concurrency, rate, ordered } = endpoint;
  const [text, look] = STATES[state];
  return (
    <tr>
      <th scope="row" class="id">
        <Link to={`/webhooks?endpoint=${encodeURIComponent(id)}`}>{id}</Link>
        <div class="quiet url">{url}</div>
      </th>
      <td data-label="events">{events.join(' ')}</td>
      <td data-label="state">
        <span class={`badge ${look}`}>{text}</span>
        {health.alertedAt && state !== 'disabled' && <span class="badge failed">will be disabled</span>}
        {(health.reason ?? health.error) && <div class="error-text">{health.reason ?? health.error}</div>}
      </td>
      <td data-label="limits">
        {formatCount(concurrency)} at once
        {rate && `, ${formatCount(rate.max)} in ${formatDuration(rate.perMs)}`}
        {ordered && ', in order'}
      </td>
      <td class="number" data-label="kept">
        {formatCount(kept.count)}
      </td>
      <td data-label="failing since">
        <Time at={health.failingSince ?? health.disabledAt} />
      </td>
      <td data-label="actions">
        <Actions endpoint={endpoint} onChanged={onChanged} />
      </td>
    </tr>
  );
}

function Actions(props: { endpoint: WebhookEndpoint; onChanged(): void }) {
  const { endpoint, onChanged } = props;
  return (
    <span class="badges">
      {useMay('admin') && <AdminActions {...props} />}
      <ReplayButton filter={{ endpoint: endpoint.id }} onReplayed={onChanged} />
    </span>
  );
}

function AdminActions({
  endpoint: { id, state },
  onChanged,
}: {
  endpoint: WebhookEndpoint;
  onChanged(): void;
}) {
  const [rotated, setRotated] = useState<ShownSecret>();
  const path = `/webhook-endpoints/${encodeURIComponent(id)}`;
  const act = async (verb: string, done: string) => {
    await attempt(
      () => post(`${path}/${verb}`),
      () => done,
    );
    onChanged();
  };
  const disable = async () => {
    const text = 'Its webhooks are kept, and sent in order once it is enabled.';
    const isSure = await confirm({ title: `Disable ${id}?`, text, action: 'Disable', isDanger: true });
    if (isSure) await act('disable', `${id} is disabled.`);
  };
  const rotate = async () => {
    const text =
      'Webhooks are signed with a new secret at once, and with the old one beside it for 24 hours.';
    if (!(await confirm({ title: `Rotate the secret of ${id}?`, text, action: 'Rotate' }))) return;
    const answer = await attempt(
      () => post<ShownSecret>(`${path}/rotate-secret`),
      () => `${id} has a new secret.`,
    );
    if (answer) setRotated(answer);
    onChanged();
  };
  return (
    <>
      <button type="button" onClick={() => act('test', `A test is on its way to ${id}.`)}>
        Test
      </button>
      {state !== 'closed' && (
        <button type="button" onClick={() => act('enable', `${id} is enabled.`)}>
          Enable
        </button>
      )}
      <button type="button" onClick={rotate}>
        Rotate secret
      </button>
      {state !== 'disabled' && (
        <button type="button" class="danger" onClick={disable}>
          Disable
        </button>
      )}
      {rotated && <SecretDialog {...rotated} onClose={() => setRotated(undefined)} />}
    </>
  );
}
