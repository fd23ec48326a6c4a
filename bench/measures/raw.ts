import { openRawJetStream, type RawSettings } from '../systems/raw-jetstream.js';
import type { Figures } from '../unit.js';
import type { Measure } from './measure.js';
import { perJob, timed } from './window.js';

/**
 * What the same client reaches without a queue around it. `all` publishes, consumes, writes an event and
 * acknowledges at once: the raw limit. `publish` and `process` are its halves, each on its own.
 */
export const measureRaw = async ({
  server,
  sizes: { rawJobs },
  settings,
}: Parameters<Measure>[0] & { settings?: RawSettings }): Promise<Figures> => {
  const raw = await openRawJetStream(server.url, settings);
  const all = await timed(server.pid, async () => {
    await Promise.all([raw.publish(rawJobs), raw.process(rawJobs)]);
  });
  const publish = await timed(server.pid, () => raw.publish(rawJobs));
  const processing = await timed(server.pid, () => raw.process(rawJobs));
  await raw.close();
  return {
    ...prefixed('all', perJob(all, rawJobs)),
    ...prefixed('publish', perJob(publish, rawJobs)),
    ...prefixed('process', perJob(processing, rawJobs)),
  };
};

function prefixed(prefix: string, figures: Figures): Figures {
  return Object.fromEntries(Object.entries(figures).map(([name, value]) => [`${prefix}.${name}`, value]));
}
