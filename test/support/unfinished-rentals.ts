/** Instances whose create job has ended and that are still to be deleted. */
import { vi } from 'vitest';
import type { CreateInstanceResult } from '../../machines/index.js';
import type { JobRecord } from '../../src/index.js';
import { cancelledRecord } from '../../src/queue/job-cancel.js';
import { enqueueFollowUps } from '../../src/queue/transition-record.js';
import { instancePayload } from './cli.js';
import type { Fleet } from './fleet.js';
import type { Forge } from './provider-proxy.js';

/** The job that deletes the instance, and what has it go on where it does not do so by itself. */
export type Deletion = [jobId: string, goOn?: () => Promise<unknown>];

export interface UnfinishedRentalsOptions {
  fleet: () => Fleet;
  forge: (forge: Forge) => void;
}

const CREATE = '/gpu/instance/create';

/** By what is unfinished: rents under the id, and leaves the provider refusing every deletion. */
export function unfinishedRentals({
  fleet: running,
  forge,
}: UnfinishedRentalsOptions): Record<string, (id: string) => Promise<Deletion>> {
  const refusedDelete = (route: string) =>
    route === 'POST /gpu/instance/delete' ? { status: 503 } : undefined;
  const refuseDeletes = () => forge(refusedDelete);
  const order = (id: string) =>
    running().queue.addJob('create_instance', instancePayload(id), 'high', { id });
  const live = (id: string) =>
    running()
      .simulator.live()
      .filter(({ name }) => name.includes(id));

  async function rentStuck(id: string): Promise<void> {
    running().simulator.faults.add({ kind: 'stuck_pulling', match: id, times: 1 });
    await order(id);
    await running().waitForJob(`${id}-monitor`, 'waiting');
  }

  async function rent(id: string): Promise<string> {
    await order(id);
    const { result } = await running().waitForJob(id, 'completed');
    await running().waitForJob(`${id}-monitor`, 'completed');
    return (result as CreateInstanceResult).novitaInstanceId;
  }

  return {
    'a monitor whose cancellation is written, and what follows from it is not': async (id) => {
      // A worker may find the record first, and would be through before the cleanup is.
      refuseDeletes();
      await rentStuck(id);
      const broker = await running().queue.broker();
      const last = await broker.lastEvent(`${id}-monitor`);
      const record = cancelledRecord(broker.known, last?.record as JobRecord, 'test', Date.now());
      await broker.appendEvent(record, last?.seq ?? 0);
      return [`${id}-monitor-delete`, () => enqueueFollowUps(broker, record)];
    },
    'a create job that was cancelled and redriven': async (id) => {
      const { queue, waitForJob } = running();
      let goOn = () => {};
      const isCancelled = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      // What is rented is answered once the job is cancelled, however long that takes.
      forge((route) => {
        if (route === `POST ${CREATE}`) return (answer) => isCancelled.then(() => answer);
        return refusedDelete(route);
      });
      await order(id);
      await vi.waitFor(() => {
        if (live(id).length === 0) throw new Error(`nothing is rented for ${id}`);
      });
      await queue.cancel(id);
      goOn();
      await queue.retry(id);
      await waitForJob(`${id}-monitor`, 'completed');
      return [`${id}-delete`];
    },
    'a delete job with its id': async (id) => {
      const novitaInstanceId = await rent(id);
      refuseDeletes();
      return [await running().queue.addJob('delete_instance', { instanceId: id, novitaInstanceId })];
    },
    'a delete job with its name': async (id) => {
      await rent(id);
      refuseDeletes();
      const instanceName = live(id)[0]?.name as string;
      return [await running().queue.addJob('delete_instance', { instanceId: id, instanceName })];
    },
    'a delete job that is redriven': async (id) => {
      const { queue, waitForJob } = running();
      refuseDeletes();
      await rentStuck(id);
      await queue.cancel(`${id}-monitor`);
      const last = `${id}-monitor-delete`;
      await waitForJob(last, 'waiting');
      await queue.cancel(last);
      return [last, () => queue.retry(last)];
    },
  };
}
