import { fromPromise } from 'xstate';
import { type MonitorInstanceSettings, monitorInstanceChart } from '../../../machines/index.js';
import { InstancePoller } from '../../gpu/instance-poller.js';
import type { GpuProvider } from '../../gpu/provider.js';
import { type MonitorInstancePayload, monitorInstancePayload } from '../../jobs/payloads.js';
import type { HandlerOptions } from '../job-handler.js';
import type { HeldJobOf } from './create-instance.js';

export interface MonitorInstanceHandlerOptions extends MonitorInstanceSettings {
  provider: GpuProvider;
  heldJob: HeldJobOf;
}

/** Polls hold a slot for one call only, so many instances can be watched at once. */
const CONCURRENCY = 50;

/** Watches an instance until it runs; polls that fall due together share one list call. */
export function monitorInstanceHandler(
  options: MonitorInstanceHandlerOptions,
): HandlerOptions<MonitorInstancePayload> {
  const { provider, heldJob, ...settings } = options;
  const poller = new InstancePoller(provider);
  const chart = monitorInstanceChart(settings).provide({
    actors: {
      checkInstance: fromPromise(async ({ input: { jobId, novitaInstanceId, isLastLook } }) => {
        const { signal } = heldJob(jobId);
        const instance = isLastLook
          ? await poller.getFresh(novitaInstanceId, signal)
          : await poller.get(novitaInstanceId, signal);
        if (!instance) return null;
        const { status, healthy, reason } = instance;
        return { status, healthy, ...(reason !== undefined && { reason }) };
      }),
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
