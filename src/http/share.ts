/** The page of a job as one file: the dashboard's own page, with what the API answers about the job inside, secrets masked as there. */
import { BrokerError, JetfleetError } from '../jobs/errors.js';
import { flowIn, type JobFamily, mayHaveFamily } from '../jobs/family.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';
import type { JobSteps } from '../queue/activity/read-steps.js';
import { packageVersion } from '../telemetry/version.js';
import { builtText } from './dashboard-files.js';

/** Answers a path below `/api/v1`. */
export type Ask = (path: string) => Promise<Response>;

/** Machines whose charts are put in. */
const MAX_MACHINES = 12;
/** What is longer of a job's log and output is left out. */
const MAX_STREAM_CHARACTERS = 2_000_000;

/**
 * @returns HTML that needs nothing else
 * @throws JetfleetError of the API's answer, such as `JETFLEET_NOT_FOUND`; `JETFLEET_HTTP_NOT_FOUND` where the dashboard is not built
 */
export async function sharePage(ask: Ask, id: string, nowMs: number): Promise<string> {
  const template = builtText('share.html');
  if (template === undefined)
    throw new JetfleetError(
      'JETFLEET_HTTP_NOT_FOUND',
      'the dashboard is not built, so there is no page of a job',
    );
  const data = JSON.stringify({
    id,
    at: new Date(nowMs).toISOString(),
    version: packageVersion(),
    answers: await answersOf(ask, id),
  });
  // A text in it must not end the element, and `$` means nothing in what a function returns.
  return template.replace('{{data}}', () => data.replaceAll('<', '\\u003c'));
}

/** What the page of the job asks for. */
async function answersOf(ask: Ask, id: string): Promise<Record<string, unknown>> {
  const answers: Record<string, unknown> = {};
  const path = `/jobs/${encodeURIComponent(id)}`;
  const keep = async (at: string): Promise<unknown> => {
    const response = await ask(at);
    const isJson = response.headers.get('content-type')?.includes('json');
    const answer = await (isJson ? response.json() : response.text());
    if (!response.ok) throw refused(response.status, answer);
    answers[at] = answer;
    return answer;
  };
  /** What the page does without. */
  const keepIfThere = (at: string) => keep(at).catch(() => undefined);
  const job = (await keep(path)) as JobRecord;
  const [, steps] = (await Promise.all([
    keep(`${path}/history`),
    keep(`${path}/steps`),
    keepFamily(keepIfThere, job),
    keep('/machines'),
  ])) as [unknown, JobSteps, ...unknown[]];
  answers[`${path}/stream`] = await reported(ask, path, job);
  const told = steps.steps.flatMap(({ machine }) => (machine === undefined ? [] : [machine]));
  const machines = [...new Set(['job', job.type, ...told])].slice(0, MAX_MACHINES);
  await Promise.all(
    machines.map((machine) => keepMachine(keepIfThere, answers, encodeURIComponent(machine))),
  );
  return answers;
}

/** The jobs around it, and the flow that it is or belongs to, each as a list and as a graph. */
async function keepFamily(keepIfThere: (at: string) => Promise<unknown>, job: JobRecord): Promise<void> {
  if (!mayHaveFamily(job)) return;
  const path = `/jobs/${encodeURIComponent(job.id)}/family`;
  const family = (await keepIfThere(path)) as JobFamily | undefined;
  if (!family) return;
  const flow = flowIn(family);
  const paths = [path, ...(flow === undefined ? [] : [`/flows/${encodeURIComponent(flow)}`])];
  await Promise.all(
    [...paths.slice(1), ...paths.map((each) => `${each}/svg?standalone=false`)].map(keepIfThere),
  );
}

async function keepMachine(
  keepIfThere: (at: string) => Promise<unknown>,
  answers: Record<string, unknown>,
  machine: string,
): Promise<void> {
  const at = `/machines/${machine}`;
  const drawings = [true, false].map((details) => `${at}/svg?standalone=false&details=${details}`);
  const [answer] = await Promise.all([at, ...drawings].map(keepIfThere));
  // How many jobs of the queue stand where is not about this job.
  if (answer) answers[at] = { ...(answer as object), counts: {} };
}

/** What the handlers have reported, as the stream of the job tells it. That of a job that is not over would not end. */
async function reported(ask: Ask, path: string, job: JobRecord): Promise<string> {
  if (isTerminal(job.status) && (job.logLines || job.chunks || job.progress !== undefined)) {
    const text = await (await ask(`${path}/stream`)).text();
    const from = text.length - MAX_STREAM_CHARACTERS;
    return from > 0 ? text.slice(text.indexOf('\n\n', from) + 2) : text;
  }
  const { lines = [] } = (await (await ask(`${path}/logs`)).json()) as { lines?: unknown[] };
  const { progress, attempt, progressAt } = job;
  const events = [
    ...(progress === undefined ? [] : [['progress', { progress, attempt, at: progressAt }] as const]),
    ...lines.map((line) => ['line', line] as const),
  ];
  return events.map(([event, data]) => `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`).join('');
}

/** The error of the API as it was thrown there. */
function refused(status: number, problem: unknown): Error {
  const { code, detail = `the API answered ${status}` } = Object(problem) as {
    code?: string;
    detail?: string;
  };
  if (status === 503) return new BrokerError('JETFLEET_BROKER_UNREACHABLE', detail, { retryable: true });
  return new JetfleetError(code === 'JETFLEET_NOT_FOUND' ? code : 'JETFLEET_HTTP_FAILED', detail);
}
