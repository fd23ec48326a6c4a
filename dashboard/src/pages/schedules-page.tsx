import { useState } from 'preact/hooks';
import { timingText } from '../../../src/jobs/timing-text.js';
import { statusOf } from '../../../src/jobs/vocabulary.js';
import type { Schedule } from '../api/answers.js';
import { post } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { Link, navigate } from '../router.js';
import { ScheduleDialog } from '../schedules/schedule-dialog.js';
import { confirm } from '../ui/confirm.js';
import { formatCount } from '../ui/format.js';
import { Empty, Loaded, Page } from '../ui/page.js';
import { StatusBadge } from '../ui/status.js';
import { Time } from '../ui/time.js';
import { attempt } from '../ui/toasts.js';

export function SchedulesPage() {
  const schedules = useResource<{ schedules: Schedule[] }>('/schedules', { isLive: false, everyMs: 5_000 });
  const mayChange = useMay('operator');
  const [edited, setEdited] = useState<Schedule | 'new' | undefined>(undefined);
  return (
    <Page
      title="Schedules"
      about="Jobs that run again and again. The broker keeps them and fires them."
      actions={
        mayChange && (
          <button type="button" class="primary" onClick={() => setEdited('new')}>
            Add a schedule
          </button>
        )
      }
    >
      {edited && (
        <ScheduleDialog
          schedule={edited === 'new' ? undefined : edited}
          onDone={schedules.reload}
          onClose={() => setEdited(undefined)}
        />
      )}
      <Loaded of={schedules}>
        {({ schedules: all }) =>
          all.length === 0 ? (
            <div class="panel">
              <Empty title="No schedules yet.">
                <p>Set one here, in code, over HTTP or on the command line:</p>
                <pre>npx jetfleet schedule set nightly report --cron '0 3 * * *' --data '{'{}'}'</pre>
              </Empty>
            </div>
          ) : (
            <section class="panel flush" aria-label="Schedules">
              <Table schedules={all} onDone={schedules.reload} onEdit={setEdited} />
            </section>
          )
        }
      </Loaded>
    </Page>
  );
}

interface TableProps {
  schedules: readonly Schedule[];
  onDone(): void;
  onEdit(schedule: Schedule): void;
}

function Table({ schedules, onDone, onEdit }: TableProps) {
  const mayChange = useMay('operator');
  return (
    <table class="data">
      <thead>
        <tr>
          <th>Schedule</th>
          <th>Type</th>
          <th>Fires</th>
          <th>Next</th>
          <th>Last run</th>
          <th class="number">Runs</th>
          <th class="number">Skips</th>
          {mayChange && <th>Change</th>}
        </tr>
      </thead>
      <tbody>
        {schedules.map((schedule) => (
          <tr key={schedule.subject}>
            <th scope="row" class="id" title={schedule.subject}>
              {schedule.name}
            </th>
            <td data-label="type">{schedule.type}</td>
            <td data-label="fires">{timingText(schedule)}</td>
            <td data-label="next">{nextOf(schedule)}</td>
            <td data-label="last run">
              <LastRun schedule={schedule} />
            </td>
            <td class="number" data-label="runs">
              {formatCount(schedule.runs)}
            </td>
            <td class="number" data-label="skips" title={schedule.lastSkip?.reason}>
              {formatCount(schedule.skips)}
            </td>
            {mayChange && (
              <td data-label="change">
                <Actions schedule={schedule} onDone={onDone} onEdit={onEdit} />
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function nextOf({ pausedAt, fault, nextRunAt }: Schedule) {
  if (pausedAt !== undefined) return <span class="badge">paused</span>;
  if (fault !== undefined) return <span title={fault}>{fault}</span>;
  return <Time at={nextRunAt} />;
}

function LastRun({ schedule: { lastRun } }: { schedule: Schedule }) {
  if (!lastRun) return <span class="quiet">–</span>;
  return (
    <>
      <Link to={`/jobs/${encodeURIComponent(lastRun.id)}`}>
        <Time at={lastRun.at} />
      </Link>{' '}
      {lastRun.state && <StatusBadge status={statusOf(lastRun.state)} state={lastRun.state} />}
    </>
  );
}

interface ActionsProps extends Omit<TableProps, 'schedules'> {
  schedule: Schedule;
}

function Actions({ schedule, onDone, onEdit }: ActionsProps) {
  const { name, pausedAt } = schedule;
  const order = async (verb: string, said: string) => {
    await attempt(
      () => post(`/schedules/${encodeURIComponent(name)}/${verb}`),
      () => said,
    );
    onDone();
  };
  const run = async () => {
    const started = await attempt(
      () => post<{ id: string }>(`/schedules/${encodeURIComponent(name)}/run`),
      ({ id }) => `${name} runs as ${id}.`,
    );
    if (started) navigate(`/jobs/${encodeURIComponent(started.id)}`);
  };
  const remove = async () => {
    const isSure = await confirm({
      title: `Delete ${name}?`,
      text: 'It fires no more. Jobs that it has started stay.',
      action: 'Delete the schedule',
      isDanger: true,
    });
    if (isSure) await order('delete', `${name} is deleted.`);
  };
  return (
    <div class="actions">
      <button type="button" class="small" aria-label={`Run now: ${name}`} onClick={run}>
        Run now
      </button>
      <button type="button" class="small" aria-label={`Edit ${name}`} onClick={() => onEdit(schedule)}>
        Edit
      </button>
      {pausedAt === undefined ? (
        <button
          type="button"
          class="small"
          aria-label={`Pause ${name}`}
          onClick={() => order('pause', `${name} is paused.`)}
        >
          Pause
        </button>
      ) : (
        <button
          type="button"
          class="primary small"
          aria-label={`Resume ${name}`}
          onClick={() => order('resume', `${name} fires again.`)}
        >
          Resume
        </button>
      )}
      <button type="button" class="small" aria-label={`Delete ${name}`} onClick={remove}>
        Delete
      </button>
    </div>
  );
}
