import type { Broker } from '../broker/broker.js';
import { findMissedTicks, type MissedTick, makeUpFor } from '../queue/schedules/missed-ticks.js';
import { faultOf } from '../queue/schedules/shown-schedule.js';
import { readFired } from '../queue/schedules/stored-schedule.js';
import { ticksSubject } from '../wire/schedule-subjects.js';
import { type Diagnosis, diagnose } from './finding.js';

/** Finds ticks that the server has missed, schedules that do not do what they look like, and what is left of those that are gone. */
export async function checkSchedules(broker: Broker, graceMs: number): Promise<Diagnosis[]> {
  const fired = await readFired(broker);
  const { schedules, ticks } = fired;
  const faulty = schedules.flatMap((schedule) => {
    const fault = faultOf(schedule);
    return fault === undefined ? [] : [diagnose('schedule_faulty', schedule.name, fault)];
  });
  const stored = new Set(schedules.map(({ message }) => message.subject));
  const goneByMs = broker.clock.now() - graceMs;
  const left = [...ticks].flatMap(([subject, { at, seq, timeMs }]) => {
    if (stored.has(subject) || timeMs > goneByMs) return [];
    const mend = () => forgetTicks(broker, ticksSubject(broker.subjects, at), seq);
    return [
      diagnose('ticks_left_over', subject, 'the schedule is gone, and what it has started is not', mend),
    ];
  });
  const missed = (await findMissedTicks(broker, fired)).map((tick) => ofMissed(broker, tick));
  return [...faulty, ...missed, ...left];
}

function ofMissed(broker: Broker, tick: MissedTick): Diagnosis {
  const dueAt = new Date(tick.dueMs).toISOString();
  const mend = async () => {
    await makeUpFor(broker, tick);
    return 'started the run';
  };
  const what = `the tick of ${dueAt} was not fired; its nats-server was killed, as it seems`;
  return diagnose('tick_missed', tick.schedule.name, what, mend, { since: dueAt });
}

async function forgetTicks({ topology }: Broker, subject: string, seq: number): Promise<string> {
  const count = await topology.purge('timers', subject, seq);
  return count > 0 ? 'removed the note' : 'it was gone already';
}
