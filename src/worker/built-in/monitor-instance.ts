import { fromPromise } from 'xstate';
import { type MonitorInstanceSettings, monitorInstanceChart } from '../../../machines/index.js';
import type { GpuProvider } from '../../gpu/provider.js';
import { type MonitorInstancePayload, monitorInstancePayload } from '../../jobs/payloads.js';
import type { HandlerOptions } from '../job-handler.js';
import type { HeldJobOf } from './create-instance.js';
import type { InstanceWatch } from './instance-watch.js';

export interface MonitorInstanceHandlerOptions extends MonitorInstanceSettings {
  provider: GpuProvider;
  watch: InstanceWatch;
  heldJob: HeldJobOf;
}

/** Polls hold a slot for one call only, so many instances can be watched at once. */
const CONCURRENCY = 50;

/** Watches an instance until it runs. */
export function monitorInstanceHandler(
  options: MonitorInstanceHandlerOptions,
): HandlerOptions<MonitorInstancePayload> {
  const { provider, watch, heldJob, ...settings } = options;
  const chart = monitorInstanceChart(settings).provide({
    actors: {
      checkInstance: fromPromise(({ input: { jobId, novitaInstanceId, isLastLook } }) =>
        watch.poll(jobId, novitaInstanceId, isLastLook, heldJob(jobId).signal),
      ),
      deleteInstance: fromPromise(({ input }) =>
        provider.delete(input.novitaInstanceId, heldJob(input.jobId).signal),
      ),
      stopInstance: fromPromise(({ input }) =>
        provider.stop(input.novitaInstanceId, heldJob(input.jobId).signal),
      ),
    },
  });
  return {
    payload: monitorInstancePayload as HandlerOptions<MonitorInstancePayload>['payload'],
    chart,
    concurrency: CONCURRENCY,
  };
}
