import { useMemo } from 'preact/hooks';
import { FLOW } from '../../../src/jobs/family.js';
import type { JobRecord } from '../api/answers.js';
import { Families } from '../family/families.js';
import { useDescendants, useFamily } from '../family/use-family.js';
import { JobActions } from '../job/actions.js';
import { Attempts } from '../job/attempts.js';
import { Crumbs } from '../job/crumbs.js';
import { JobFacts } from '../job/facts.js';
import { Inside } from '../job/inside.js';
import { type JobFeed, useJobFeed } from '../job/job-feed.js';
import { momentsOf, momentWords, placeOfTime } from '../job/moments.js';
import { OwnCharts } from '../job/own-charts.js';
import { ReplayBar, useReplay } from '../job/replay.js';
import { attemptsOf, type Stage, stagesOf } from '../job/stages.js';
import { Verdict } from '../job/verdict.js';
import { WaitsPanel } from '../job/waits-panel.js';
import { Waterfall } from '../job/waterfall.js';
import { RevealButton } from '../jobs/reveal.js';
import { CostPanel } from '../money/cost-panel.js';
import { PausedBadge } from '../pauses/paused-badge.js';
import { ReportPanels } from '../reports/report-panels.js';
import { Link } from '../router.js';
import { shared } from '../shared.js';
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
      actions={
        job &&
        !shared && (
          <>
            <RevealButton job={job} />
            <JobActions job={job} />
          </>
        )
      }
    >
      <Loaded of={{ data: job, error, isLoading: !job, reload }} missing={missing}>
        {(loaded) => <Life job={loaded} feed={feed} />}
      </Loaded>
    </Page>
  );
}

/** A job that waits in the queue has no record in its history yet. */
function useStages(job: JobRecord, history: JobFeed['history']): readonly Stage[] {
  return useMemo(() => stagesOf(history.length > 0 ? history : [{ seq: 0, record: job }]), [job, history]);
}

/** Whether more steps are to come, or the first ones: those of a run that is over are not told any more. */
function isUnderWay({ state, attempt }: JobRecord): boolean {
  return state === 'running' || attempt === 0;
}

function Life({ job, feed: { history, steps, dropped } }: { job: JobRecord; feed: JobFeed }) {
  const stages = useStages(job, history);
  const moments = useMemo(() => momentsOf(stages, steps), [stages, steps]);
  const replay = useReplay(moments);
  const family = useFamily(job);
  const followed = useDescendants(family, job.id);
  // What a flow is stands in its graph, and not in how its own runs went.
  const isFlow = job.type === FLOW;
  const families = <Families job={job} family={family} />;
  const moment = moments[replay.index];
  const shown = { stage: moment?.stage ?? stages.length - 1, step: moment?.step ?? steps.length - 1 };
  const record = replay.isNow ? job : (stages[shown.stage]?.record ?? job);
  const showStage = (stage: number) =>
    replay.show(moments.findIndex((each) => each.stage === stage && !each.isStep));
  const showStep = (step: number) => replay.show(moments.findLastIndex((each) => each.step <= step));
  return (
    <>
      <Verdict job={job} />
      <Crumbs stages={stages} steps={steps} shown={shown} onShow={showStage} />
      {isFlow && families}
      <Waterfall
        stages={stages}
        steps={steps}
        root={job.id}
        descendants={followed}
        at={replay.isNow ? undefined : moment?.at}
        onShow={(at) => replay.show(placeOfTime(moments, at))}
      />
      <WaitsPanel job={job} />
      {!isFlow && families}
      <ReportPanels key={job.redrives ?? 0} job={job} />
      <CostPanel job={job} />
      <div class="grid two">
        <div class="stack">
          <JobFacts job={record} />
          <Panel title="Attempts">
            <Attempts attempts={attemptsOf(stages)} />
          </Panel>
        </div>
        <div class="stack">
          <JsonPanel title="Payload" value={record.payload} />
          {record.result !== undefined && <JsonPanel title="Result" value={record.result} />}
          {record.checkpoint !== undefined && <JsonPanel title="Checkpoint" value={record.checkpoint} />}
          {record.error !== undefined && <ErrorPanels error={record.error} />}
          <JsonPanel title="Record" value={record} isOpen={false} />
        </div>
      </div>
      <OwnCharts type={job.type} steps={steps} shown={shown.step} stage={stages[shown.stage]} />
      <Inside
        steps={steps}
        dropped={dropped}
        shown={shown.step}
        isOver={!isUnderWay(job)}
        onShow={showStep}
      />
      <ReplayBar
        count={moments.length}
        words={moment ? momentWords(moment, stages, steps) : ''}
        replay={replay}
      />
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
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
          <pre class="stack-trace" tabIndex={0}>
            {stack}
          </pre>
        </Panel>
      )}
    </>
  );
}
