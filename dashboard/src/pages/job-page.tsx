import { useMemo, useState } from 'preact/hooks';
import type { JobRecord, MachineAnswer, Related } from '../api/answers.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { StateChart } from '../charts/state-chart.js';
import { Families } from '../family/families.js';
import { Attempts } from '../job/attempts.js';
import { JobFacts } from '../job/facts.js';
import { Inside } from '../job/inside.js';
import { type JobFeed, useJobFeed } from '../job/job-feed.js';
import { litByStage, litNow } from '../job/lit.js';
import { OwnCharts } from '../job/own-charts.js';
import { RelatedJobs } from '../job/related-jobs.js';
import { ReplayBar, useReplay } from '../job/replay.js';
import { attemptsOf, type Stage, stagesOf } from '../job/stages.js';
import { Timeline } from '../job/timeline.js';
import { WaitsPanel } from '../job/waits-panel.js';
import { AddJobDialog } from '../jobs/add-job-dialog.js';
import { EditPayloadDialog } from '../jobs/edit-payload-dialog.js';
import { canCancel, cancelJob, canRetry, retryJob } from '../jobs/job-actions.js';
import { PausedBadge } from '../pauses/paused-badge.js';
import { ReportPanels } from '../reports/report-panels.js';
import { Link } from '../router.js';
import { JsonPanel } from '../ui/json.js';
import { Empty, Loaded, Page, Panel } from '../ui/page.js';
import { PriorityBadge, StatusBadge } from '../ui/status.js';

export function JobPage({ id }: { id: string }) {
  const feed = useJobFeed(id);
  const { job, error, reload } = feed;
  const missing = (
    <div class="panel">
      <Empty title={`There is no job ${id}.`}>
        <p>It may have been cleaned up. </p>
        <Link to={`/jobs?${new URLSearchParams({ id })}`}>Find jobs whose id begins like this</Link>
      </Empty>
    </div>
  );
  return (
    <Page
      title={id}
      about={
        job && (
          <span class="badges">
            <StatusBadge status={job.status} state={job.state} />
            {job.status === 'pending' && <PausedBadge scope={{ type: job.type, priority: job.priority }} />}
            <PriorityBadge priority={job.priority} />
            <Link to={`/jobs?type=${job.type}`}>{job.type}</Link>
          </span>
        )
      }
      actions={job && <Actions job={job} />}
    >
      <Loaded of={{ data: job, error, isLoading: !job, reload }} missing={missing}>
        {(loaded) => <Life job={loaded} feed={feed} />}
      </Loaded>
    </Page>
  );
}

function Actions({ job }: { job: JobRecord }) {
  const isOperator = useMay('operator');
  const [isCopying, setCopying] = useState(false);
  const [isEditing, setEditing] = useState(false);
  if (!isOperator) return null;
  return (
    <>
      <button type="button" onClick={() => setCopying(true)}>
        Run again like this
      </button>
      {canRetry(job) && (
        <button type="button" onClick={() => setEditing(true)}>
          Edit and retry
        </button>
      )}
      {canRetry(job) && (
        <button type="button" class="primary" onClick={() => retryJob(job.id)}>
          Retry
        </button>
      )}
      {canCancel(job) && (
        <button type="button" class="danger" onClick={() => cancelJob(job.id)}>
          Cancel
        </button>
      )}
      {isEditing && <EditPayloadDialog job={job} onClose={() => setEditing(false)} />}
      {isCopying && <AddJobDialog like={job} onClose={() => setCopying(false)} />}
    </>
  );
}

/** A job that waits in the queue has no record in its history yet. */
function useStages(job: JobRecord, history: JobFeed['history']): readonly Stage[] {
  return useMemo(() => stagesOf(history.length > 0 ? history : [{ seq: 0, record: job }]), [job, history]);
}

function Life({ job, feed: { history, steps } }: { job: JobRecord; feed: JobFeed }) {
  const stages = useStages(job, history);
  const replay = useReplay(stages);
  const machine = useResource<MachineAnswer>('/machines/job', { isLive: false });
  const { data: related } = useResource<Related>(`/jobs/${encodeURIComponent(job.id)}/related`);
  const isOver = job.status === 'completed' || job.status === 'failed';
  const shown = replay.isNow ? job : (stages[replay.index]?.record ?? job);
  return (
    <>
      {shown.error && (
        <div class={shown.status === 'failed' ? 'callout failed' : 'callout pending'}>
          <code>{shown.error.code}</code>
          <p>{shown.error.message}</p>
        </div>
      )}
      <JobFacts job={shown} />
      <WaitsPanel job={job} />
      <ReportPanels key={job.redrives ?? 0} job={job} />
      <Families job={job} parent={related?.parent} />
      <Panel title="Where it stands">
        <Loaded of={machine}>
          {({ chart }) => {
            const lit = replay.isNow ? litNow(chart, stages, steps) : litByStage(chart, stages, replay.index);
            return <StateChart chart={chart} lit={lit.states} taken={lit.edges} path={lit.path} />;
          }}
        </Loaded>
        <ReplayBar stages={stages} replay={replay} />
      </Panel>
      <OwnCharts type={job.type} steps={steps} />
      <div class="grid two">
        <div class="stack">
          <Panel title="Timeline">
            <Timeline stages={stages} shown={replay.index} onShow={replay.show} />
          </Panel>
          <Panel title="Attempts">
            <Attempts attempts={attemptsOf(stages)} />
          </Panel>
          <RelatedJobs related={related} />
        </div>
        <div class="stack">
          <JsonPanel title="Payload" value={shown.payload} />
          {shown.result !== undefined && <JsonPanel title="Result" value={shown.result} />}
          {shown.checkpoint !== undefined && <JsonPanel title="Checkpoint" value={shown.checkpoint} />}
          {shown.error !== undefined && <ErrorPanels error={shown.error} />}
          <JsonPanel title="Record" value={shown} isOpen={false} />
        </div>
      </div>
      <Inside steps={steps} isOver={isOver} />
    </>
  );
}

/** The stack is text of many lines, which JSON would put into one. */
function ErrorPanels({ error: { stack, ...error } }: { error: NonNullable<JobRecord['error']> }) {
  return (
    <>
      <JsonPanel title="Error" value={error} />
      {stack !== undefined && (
        <Panel title="Stack">
          <pre class="stack-trace">{stack}</pre>
        </Panel>
      )}
    </>
  );
}
