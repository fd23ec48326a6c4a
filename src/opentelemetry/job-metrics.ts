import { type Attributes, type Meter, type MeterProvider, metrics } from '@opentelemetry/api';
import type { TracedAdd } from '../telemetry/tracing.js';
import { packageVersion } from '../telemetry/version.js';
import type { SettledAttempt } from '../worker/hooks/worker-hooks.js';
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
    sent: counter('messaging.client.sent.messages', 'Jobs that this process has added'),
    adding: seconds('messaging.client.operation.duration', 'How long adding jobs took'),
    consumed: counter('messaging.client.consumed.messages', 'Jobs that workers have claimed'),
    waited: seconds('jetfleet.job.wait.duration', 'How long jobs waited for their attempt'),
    processing: seconds('messaging.process.duration', 'How long attempts took'),
  };
}

/** What is measured of jobs. No attribute holds an id, so that their number stays small. */
export class JobMetrics {
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

  added({ type, priority, count }: TracedAdd, ms: number, error?: unknown): void {
    const attributes = about(type, priority, 'add', error);
    this.#instruments.sent.add(count, attributes);
    this.#instruments.adding.record(ms / 1_000, attributes);
  }

  claimed({ type, priority }: JobContext, waitedMs: number): void {
    const attributes = about(type, priority, 'process');
    this.#instruments.consumed.add(1, attributes);
    this.#instruments.waited.record(Math.max(0, waitedMs) / 1_000, attributes);
  }

  settled({ type, priority }: JobContext, { state, durationMs, error }: SettledAttempt): void {
    const failure = state === 'completed' ? undefined : error;
    const attributes = { ...about(type, priority, 'process', failure), 'jetfleet.job.state': state };
    this.#instruments.processing.record(durationMs / 1_000, attributes);
  }
}

function about(type: string, priority: string | undefined, operation: string, error?: unknown): Attributes {
  return {
    ...SYSTEM,
    ...destination(type, priority),
    'messaging.operation.name': operation,
    ...(error !== undefined && { 'error.type': errorType(error) }),
  };
}
