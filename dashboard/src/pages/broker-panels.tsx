import type { StreamHealth } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { formatBytes, formatCount } from '../ui/format.js';
import { Empty, Loaded, Panel } from '../ui/page.js';

/** The health of the broker: its streams, and the consumers that workers share. */
export function BrokerPanels() {
  const health = useResource<StreamHealth>('/streams', { isLive: false, everyMs: 5_000 });
  return (
    <Loaded of={health}>
      {({ broker, streams, consumers }) => (
        <div class="grid two">
          <Panel
            title="Streams"
            actions={
              <span class={broker.connected ? 'badge completed' : 'badge failed'} title={broker.url}>
                NATS {broker.version ?? ''} {broker.connected ? 'connected' : 'disconnected'}
              </span>
            }
          >
            <Streams streams={streams} />
          </Panel>
          <Panel title="Consumers">
            <Consumers consumers={consumers} />
          </Panel>
        </div>
      )}
    </Loaded>
  );
}

function Streams({ streams }: Pick<StreamHealth, 'streams'>) {
  return (
    <table class="data">
      <thead>
        <tr>
          <th>Stream</th>
          <th class="number">Messages</th>
          <th class="number">Size</th>
          <th class="number">Replicas</th>
          <th>Health</th>
        </tr>
      </thead>
      <tbody>
        {streams.map(({ name, messages, bytes, replicas, leader, ok, drift, stalled }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="number" data-label="messages">
              {formatCount(messages)}
            </td>
            <td class="number" data-label="size">
              {formatBytes(bytes)}
            </td>
            <td class="number" data-label="replicas" title={leader && `leader: ${leader}`}>
              {replicas}
            </td>
            <td data-label="health">
              <span
                class={ok ? 'badge completed' : 'badge failed'}
                title={[...(stalled ? [stalled] : []), ...drift].join('\n')}
              >
                {ok ? 'ok' : stalled ? 'stores nothing' : (drift[0] ?? 'not ok')}
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Consumers({ consumers }: Pick<StreamHealth, 'consumers'>) {
  const busy = consumers.filter((one) => one.pending + one.ackPending + one.redelivered > 0);
  if (busy.length === 0) {
    return (
      <Empty title={`All ${consumers.length} consumers are idle.`}>
        <p>Nothing waits, nothing is held, nothing was delivered twice.</p>
      </Empty>
    );
  }
  return (
    <table class="data">
      <thead>
        <tr>
          <th>Consumer</th>
          <th class="number">Waits</th>
          <th class="number">Held</th>
          <th class="number">Redelivered</th>
        </tr>
      </thead>
      <tbody>
        {busy.slice(0, 20).map(({ name, pending, ackPending, redelivered }) => (
          <tr key={name}>
            <th scope="row">{name}</th>
            <td class="number" data-label="waits">
              {formatCount(pending)}
            </td>
            <td class="number" data-label="held">
              {formatCount(ackPending)}
            </td>
            <td class="number" data-label="redelivered">
              {formatCount(redelivered)}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
