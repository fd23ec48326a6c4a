import { connection, lastTick } from '../live/live.js';
import { useStore } from '../store.js';

/** Says so when what the page shows cannot be fresh. */
export function Banner() {
  const state = useStore(connection);
  const isBrokerThere = useStore(lastTick)?.brokerConnected ?? true;
  if (state === 'lost') {
    return (
      <div class="banner" role="alert">
        <strong>The server does not answer.</strong> What you see may be old; the page reconnects by itself.
      </div>
    );
  }
  if (!isBrokerThere) {
    return (
      <div class="banner" role="alert">
        <strong>The server has lost its broker.</strong> Jobs are safe where they are; nothing changes until
        NATS is back.
      </div>
    );
  }
  return null;
}

const WORDS = { connecting: 'connecting', open: 'live', paused: 'paused', lost: 'offline' } as const;

export function LiveSign() {
  const state = useStore(connection);
  return (
    <span class={`live ${state}`} title={`Live updates: ${WORDS[state]}`}>
      <span class="dot" />
      {WORDS[state]}
    </span>
  );
}
