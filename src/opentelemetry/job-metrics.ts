import { type Attributes, type Meter, type MeterProvider, metrics } from '@opentelemetry/api';
import { BoundedLabels } from '../telemetry/bounded-labels.js';
import type { TracedAdd, TracedJobs } from '../telemetry/tracing.js';
import { packageVersion } from '../telemetry/version.js';
import type { ClaimedFrom, SettledAttempt } from '../worker/hooks/worker-hooks.js';
import type { JobContext } from '../worker/job-handler.js';
import { destination, errorType, NAME, SYSTEM } from './attributes.js';

/** In seconds, as the semantic conventions advise. */
const BOUNDARIES = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];

type Instruments = ReturnType<typeof instrumentsOf>;

function instrumentsOf(meter: Meter) {
  const counter = (name: string, description: string) =>
    meter.createCounter(name, { description, unit: '{message}' });
  const seconds = (name: string, description: string) =>
    meter.createHistogram(name, {
      ...{ description, unit: 's' },
      advice: { explicitBucketBoundaries: BOUNDARIES },
    });
  return {
    sent: counter(
      'messaging.client.sent.messages',
      'Jobs that this process has added or failed to add; `error.type` is why',
    ),
    adding: seconds('messaging.client.operation.duration', 'How long adding jobs took'),
    consumed: counter('messaging.client.consumed.messages', 'Jobs that workers have claimed'),
    waited: seconds('jetfleet.job.wait.duration', 'How long jobs waited for a worker once they could start'),
    processing: seconds('messaging.process.duration', 'How long attempts took'),
  };
}

/** What is measured of jobs. No attribute holds an id, and few are told apart, so that their number stays small. */
export class JobMetrics {
  readonly #types = new BoundedLabels();
  /** A handler chooses the code of its error. */
  readonly #errors = new BoundedLabels();
  #provider: MeterProvider | undefined;
  #kept: Instruments | undefined;

  /** Those of the provider that is registered now: unlike tracers, a meter from before never finds it. */
  get #instruments(): Instruments {
    const provider = metrics.getMeterProvider();
    if (!this.#kept || provider !== this.#provider)
      this.#kept = instrumentsOf(provider.getMeter(NAME, packageVersion()));
    this.#provider = provider;
    return this.#kept;
  }

  /** One call is one duration, whatever it adds. */
  added({ jobs }: TracedAdd, ms: number, error?: unknown): void {
    const { sent, adding } = this.#instruments;
    const each = jobs.map((group) => ({ count: group.count, attributes: this.#about(group, 'add', error) }));
    for (const { count, attributes } of each) sent.add(count, attributes);
    const [first] = each;
    const attributes = each.length === 1 && first ? first.attributes : this.#operation('add', error);
    adding.record(ms / 1_000, attributes);
  }

  claimed({ type, priority }: JobContext, { stream, waitedMs }: ClaimedFrom): void {
    const attributes = this.#about({ type, priority, stream }, 'process');
    this.#instruments.consumed.add(1, attributes);
    this.#instruments.waited.record(waitedMs / 1_000, attributes);
  }

  settled(
    { type, priority }: JobContext,
    { stream }: ClaimedFrom,
    { state, durationMs, error }: SettledAttempt,
  ): void {
    const failure = state === 'completed' ? undefined : error;
    const attributes = this.#about({ type, priority, stream }, 'process', failure);
    this.#instruments.processing.record(durationMs / 1_000, { ...attributes, 'jetfleet.job.state': state });
  }

  #about(job: Omit<TracedJobs, 'count'>, operation: string, error?: unknown): Attributes {
    const type = this.#types.of(job.type);
    return { ...destination({ ...job, type }), ...this.#operation(operation, error) };
  }

  #operation(name: string, error?: unknown): Attributes {
    return {
      ...SYSTEM,
      'messaging.operation.name': name,
      ...(error !== undefined && { 'error.type': this.#errors.of(errorType(error)) }),
    };
  }
}
