/** What a doctor looks for. `docs/doctor.md` explains each one; a test holds the two together. */

/** `danger` can lose, repeat or cost; `warning` is stuck or left over; `info` is worth knowing. */
export type Severity = 'danger' | 'warning' | 'info';

interface FindingKind {
  severity: Severity;
  explanation: string;
  /** What `--fix` does about it; null when only a person can. */
  fix: string | null;
}

export const FINDINGS = {
  check_failed: {
    severity: 'warning',
    explanation:
      'A check could not be made, so what it looks for is not known. Everything else was examined.',
    fix: null,
  },
  server_too_old: {
    severity: 'danger',
    explanation: 'The nats-server is older than Jetfleet needs.',
    fix: null,
  },
  jetstream_disabled: {
    severity: 'danger',
    explanation: 'The nats-server runs without JetStream, so it cannot keep jobs.',
    fix: null,
  },
  server_limit: {
    severity: 'danger',
    explanation: 'The nats-server takes smaller messages than a job and its record can be.',
    fix: null,
  },
  clock_offset: {
    severity: 'warning',
    explanation:
      'The clock of this machine differs from the one of the broker. Jobs are not affected: they go by the broker.',
    fix: null,
  },
  sync_interval_not_always: {
    severity: 'danger',
    explanation: 'A single node confirms messages before they are on disk: a power cut loses accepted jobs.',
    fix: null,
  },
  sync_interval_unknown: {
    severity: 'info',
    explanation:
      'Only the monitoring page of the server shows when it flushes to disk, and no page was given.',
    fix: null,
  },
  sync_told_wrong: {
    severity: 'info',
    explanation: 'The setting `sync` does not match how the server flushes, which costs speed, not jobs.',
    fix: null,
  },
  stream_missing: {
    severity: 'danger',
    explanation: 'A stream does not exist, so its messages are refused.',
    fix: 'creates it',
  },
  consumer_missing: {
    severity: 'warning',
    explanation: 'A type that workers handle lacks the consumer of one priority, so those jobs wait.',
    fix: 'creates it',
  },
  stream_stalled: {
    severity: 'danger',
    explanation:
      'A stream stores nothing: its disk is full, or was and the server has not been restarted since.',
    fix: null,
  },
  stream_drift: {
    severity: 'danger',
    explanation: 'A stream has a setting that can lose or repeat jobs.',
    fix: 'sets it, where the server lets it be changed',
  },
  consumer_drift: {
    severity: 'danger',
    explanation: 'A consumer has a setting that can lose or repeat jobs.',
    fix: 'sets it, where the server lets it be changed',
  },
  setting_drift: {
    severity: 'info',
    explanation: 'A setting differs from what Jetfleet would choose, which costs comfort, not jobs.',
    fix: null,
  },
  copies_low: {
    severity: 'warning',
    explanation:
      'A stream has fewer copies than were asked for, or one in a cluster where nobody has said how many.',
    fix: 'makes as many as --replicas or JETFLEET_REPLICAS says; without them, nothing',
  },
  type_unhandled: {
    severity: 'warning',
    explanation:
      'Jobs of a type wait that no worker takes: none has a handler for it, or all that had are gone or paused.',
    fix: null,
  },
  paused: {
    severity: 'info',
    explanation: 'Somebody has paused jobs: they wait until the pause ends.',
    fix: null,
  },
  pause_drift: {
    severity: 'warning',
    explanation:
      'A consumer is paused, or not, against the list of pauses: a call of `pause` or `resume` failed half way, or somebody paused the consumer by hand.',
    fix: 'pauses and resumes every consumer as the list says',
  },
  type_impossible: {
    severity: 'warning',
    explanation:
      'A message names a type that no worker can have, or one that belongs to another stream: its job would wait for ever.',
    fix: 'records the job as FAILED with JETFLEET_TYPE_INVALID, then removes the message',
  },
  job_without_timer: {
    severity: 'danger',
    explanation: 'A job waits for its time, is overdue, and no timer will bring it back.',
    fix: 'sets its timer again, for now',
  },
  job_without_message: {
    severity: 'danger',
    explanation: 'A queued job has no work message, so no worker will ever see it.',
    fix: 'publishes its message again',
  },
  processing_stale: {
    severity: 'danger',
    explanation: 'A job was being worked on, and its message is gone: no worker will take it over.',
    fix: 'queues it again, the lost attempt being counted; without one left it fails as stalled',
  },
  message_unowned: {
    severity: 'danger',
    explanation: 'A consumer has lost sight of messages that are stored: no worker gets those jobs.',
    fix: 'recreates the consumer once it has no unacknowledged message; it then delivers all that is stored',
  },
  messages_held: {
    severity: 'warning',
    explanation:
      'Many messages of ended jobs stay behind one that a worker has had for long, or that each worker hands back.',
    fix: 'removes the messages of the ended jobs; the one that holds them stays',
  },
  message_left_over: {
    severity: 'warning',
    explanation:
      'A timer, or a message of a type without workers, is left of a job that has ended; what follows may be missing.',
    fix: 'publishes what follows from the job again, then removes the message',
  },
  tag_left_over: {
    severity: 'info',
    explanation:
      'An entry of the index of tags names a job that never came, or one that has ended and is kept no longer.',
    fix: 'has the broker remove it',
  },
  key_left_over: {
    severity: 'info',
    explanation:
      'A unique key is kept for a job that has ended, or never came. Whoever adds a job of the key gets it all the same.',
    fix: 'removes what is kept of it',
  },
  object_left_over: {
    severity: 'info',
    explanation:
      'A large payload or result is stored that no job holds: its job has expired, was never added, or has another payload now.',
    fix: 'removes it',
  },
  signal_left_over: {
    severity: 'warning',
    explanation:
      'Signals are stored for a job that has ended, or for an id that nobody has used for seven days.',
    fix: 'removes them',
  },
  permit_left_over: {
    severity: 'warning',
    explanation: 'A job that has ended still holds a permit of a limit, so another one waits.',
    fix: 'gives it back, and calls the next one',
  },
  permit_unused: {
    severity: 'warning',
    explanation: 'A permit of a limit is free, and jobs wait for it: whoever was to call them died.',
    fix: 'calls the next one',
  },
  failure_left_over: {
    severity: 'warning',
    explanation: 'A job that was retried still counts as a dead letter.',
    fix: 'removes the event of the old failure',
  },
  time_zones_unknown: {
    severity: 'warning',
    explanation: 'The nats-server knows no time zones, so it refuses schedules that name one.',
    fix: null,
  },
  schedule_faulty: {
    severity: 'warning',
    explanation:
      'A schedule does not do what it looks like: its target has an id, so that only its first tick runs, or brings no job to a worker.',
    fix: null,
  },
  tick_missed: {
    severity: 'warning',
    explanation: 'A schedule was due and did not fire, as after its nats-server was killed.',
    fix: 'starts the run that was due last',
  },
  ticks_left_over: {
    severity: 'info',
    explanation: 'What is known of the ticks of a schedule is still there, and the schedule is gone.',
    fix: 'removes it',
  },
  instance_orphaned: {
    severity: 'danger',
    explanation: 'An instance costs money and belongs to no job: its job failed, or has another instance.',
    fix: 'adds a delete_instance job for it',
  },
  provider_unreachable: {
    severity: 'warning',
    explanation: 'The GPU provider could not be asked, so instances were not checked.',
    fix: null,
  },
  instance_unknown: {
    severity: 'info',
    explanation:
      'An instance has a name of Jetfleet, and no record knows it: its record has expired, or another Jetfleet owns it.',
    fix: null,
  },
} as const satisfies Record<string, FindingKind>;
export type FindingCode = keyof typeof FINDINGS;

/** One thing that is wrong, or worth knowing. */
export interface Finding {
  code: FindingCode;
  severity: Severity;
  /** The stream, consumer, job, type or instance that it is about. */
  target: string;
  /** What is wrong with it, in a sentence. */
  message: string;
  /** Whether `mend` can do something about it. */
  fixable: boolean;
  /** Since when it is so, where that is known; ISO 8601. */
  since?: string;
}

/** What became of a finding that was to be mended. */
export interface Mended {
  code: FindingCode;
  target: string;
  /** What was done, or why nothing could be. */
  result: string;
  ok: boolean;
}

/** A finding together with the way to mend it. */
export interface Diagnosis {
  finding: Finding;
  mend?: () => Promise<string>;
}

/** Looks for faults of a kind. */
export interface Check {
  /** What it looks at, in a few words. */
  name: string;
  look(): Promise<Diagnosis[]>;
}

export interface DiagnosisDetails {
  /** Defaults to that of the code. */
  severity?: Severity;
  since?: string;
}

export function diagnose(
  code: FindingCode,
  target: string,
  message: string,
  mend?: () => Promise<string>,
  { severity = FINDINGS[code].severity, since }: DiagnosisDetails = {},
): Diagnosis {
  const fixable = mend !== undefined;
  const finding = { code, severity, target, message, fixable, ...(since !== undefined && { since }) };
  return mend ? { finding, mend } : { finding };
}

/**
 * Mends what can be, one after the other; what fails is reported, and does not stop the rest.
 * @param onMended called after each with the number of those that are done
 */
export async function mendAll(
  diagnoses: readonly Diagnosis[],
  onMended: (done: number) => void = () => {},
): Promise<Mended[]> {
  const mended: Mended[] = [];
  for (const { finding, mend } of diagnoses) {
    if (!mend) continue;
    const { code, target } = finding;
    try {
      mended.push({ code, target, result: await mend(), ok: true });
    } catch (error) {
      mended.push({ code, target, result: (error as Error).message, ok: false });
    }
    onMended(mended.length);
  }
  return mended;
}
