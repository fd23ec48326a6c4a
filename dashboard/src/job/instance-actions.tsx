import type { JobRecord } from '../api/answers.js';
import { post } from '../api/client.js';
import { navigate } from '../router.js';
import { confirm } from '../ui/confirm.js';
import { attempt } from '../ui/toasts.js';

/** What can be done with an instance, and what is asked before. */
const VERBS = {
  check: { name: 'Check', text: 'Its ports are asked for an answer; nothing is changed.' },
  watch: { name: 'Watch', text: 'What happens to it is reported from then on.' },
  start: { name: 'Start', text: 'It costs money from then on.' },
  restart: { name: 'Restart', text: 'What runs on it is ended.' },
  stop: { name: 'Stop', text: 'What runs on it is ended. Its disk is kept, and may go on to cost money.' },
  migrate: {
    name: 'Migrate',
    text: 'It moves to another machine, or another instance is rented and this one deleted once that runs.',
  },
  delete: { name: 'Delete', text: 'It is deleted with all that is on it. That cannot be taken back.' },
} as const;
type Verb = keyof typeof VERBS;

const DANGEROUS: readonly Verb[] = ['restart', 'stop', 'migrate', 'delete'];
/** Completed jobs of these have an instance, as far as they know. */
const WITH_INSTANCE: readonly string[] = [
  ...['create_instance', 'monitor_instance', 'migrate_instance', 'start_instance'],
  ...['restart_instance', 'stop_instance', 'check_instance'],
];

/** Whether a job has an instance with which something can be done; the server decides anyway. */
export function hasInstance({ type, status, result }: JobRecord): boolean {
  const { status: end } = (result ?? {}) as { status?: unknown };
  const isGone = end === 'replaced' || end === 'terminated';
  return status === 'completed' && !isGone && WITH_INSTANCE.includes(type);
}

/** A menu of jobs for the instance of a job. Each asks first, and leads to the job that was added. */
export function InstanceActions({ job }: { job: JobRecord }) {
  const act = async (verb: Verb) => {
    const { name, text } = VERBS[verb];
    const isSure = await confirm({
      title: `${name} the instance?`,
      text: `${instanceOf(job)}: ${text}`,
      action: `${name} it`,
      isDanger: DANGEROUS.includes(verb),
    });
    if (!isSure) return;
    const added = await attempt(
      () => post<{ id: string }>(`/instances/${encodeURIComponent(job.id)}/${verb}`, { priority: 'high' }),
      ({ id }) => `${id} is in the queue.`,
    );
    if (added) navigate(`/jobs/${encodeURIComponent(added.id)}`);
  };
  return (
    <select
      aria-label="What to do with the instance"
      value=""
      onChange={(event) => {
        const verb = event.currentTarget.value as Verb | '';
        event.currentTarget.value = '';
        if (verb !== '') void act(verb);
      }}
    >
      <option value="">Instance…</option>
      {Object.entries(VERBS).map(([verb, { name }]) => (
        <option key={verb} value={verb}>
          {name}
        </option>
      ))}
    </select>
  );
}

function instanceOf({ payload, result }: JobRecord): string {
  const ids = [result, payload].map(
    (each) => ((each ?? {}) as { novitaInstanceId?: unknown }).novitaInstanceId,
  );
  const id = ids.find((each) => typeof each === 'string');
  return id === undefined ? 'The instance' : `Instance ${id}`;
}
