/** A timer that fires before its time. */
import { Header } from '../../wire/headers.js';
import { keptHeaders } from '../../wire/schedule-message.js';
import type { StoredMessage } from '../read/direct-read.js';
import type { CommitLog } from './commit-log.js';

/** Names the timer that a message was fired by; the server removes that timer with it where the next time is `purge` (ADR-51). */
const OF_A_TIMER = /^Nats-Schedule/i;

/**
 * Does what the server does when a timer is due: stores its message on its target and removes it, in one write.
 * @throws ConflictError when the timer was set anew, removed or fired meanwhile
 */
export async function fireTimer(
  timers: CommitLog,
  { subject, seq, headers, data }: StoredMessage,
): Promise<void> {
  await timers.append({
    subject: headers.get(Header.SCHEDULE_TARGET),
    data,
    headers: [
      ...keptHeaders(headers).filter(([name]) => !OF_A_TIMER.test(name)),
      [Header.SCHEDULER, subject],
      [Header.SCHEDULE_NEXT, 'purge'],
    ],
    expect: { filter: subject, lastSeq: seq },
  });
}
