import { connection, outage } from '../live/live.js';
import { useStore } from '../store.js';

/** Says so when what the page shows cannot be fresh. It lies over the lower end of the page, which must not move for it. */
export function Banner() {
  const of = useStore(outage)?.of;
  if (of === 'server') {
    return (
      <div class="banner outage" role="alert">
        <strong>The server does not answer.</strong> What you see is as old as it says; the page reconnects by
        itself.
      </div>
    );
  }
  if (of === 'broker') {
    return (
      <div class="banner outage" role="alert">
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
  const isBrokerAway = useStore(outage)?.of === 'broker' && state === 'open';
  const word = isBrokerAway ? 'no broker' : WORDS[state];
  return (
    <span class={`live ${isBrokerAway ? 'lost' : state}`} title={`Live updates: ${word}`}>
      <span class="dot" />
      {word}
    </span>
  );
}
