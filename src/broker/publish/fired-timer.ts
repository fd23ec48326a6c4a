/** A timer that fires before its time. */
import { Header } from '../../wire/headers.js';
import { keptHeaders } from '../../wire/schedule-message.js';
import type { StoredMessage } from '../read/direct-read.js';
import type { Append } from './commit-options.js';

/** Names the timer that a message was fired by; the server removes that timer with it where the next time is `purge` (ADR-51). */
const OF_A_TIMER = /^Nats-Schedule/i;

/** What the server does when a timer is due, as one write: it stores its message on its target, and removes it. */
export function fired({ subject, headers, data }: StoredMessage): Append {
  return {
    subject: headers.get(Header.SCHEDULE_TARGET),
    data,
    headers: [
      ...keptHeaders(headers).filter(([name]) => !OF_A_TIMER.test(name)),
      [Header.SCHEDULER, subject],
      [Header.SCHEDULE_NEXT, 'purge'],
    ],
  };
}
