import { basename } from 'node:path';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The files that take longest, longest first. They begin before all others, so that none of them runs alone at the end;
 * a fresh clone has no durations of an earlier run to go by.
 */
const LONGEST = [
  'fault-selection',
  'cluster',
  'outbox-crashes',
  'snippets',
  'missed-ticks',
  'instance-ownership',
  'webhook-endpoints',
  'contract',
  'cli-terminal',
  'instance-lease',
  'providers',
  'flows',
  'limits',
  'pauses',
  'provider-answers',
  'recurring-jobs',
  'testing-kit',
  'signals',
  'outbox',
  'blocking-handlers',
  'trimmer',
  'full-disk',
  'cli',
  'cli-dev',
  'waiting-monitors',
  'doctor-jobs',
  'gpu-lifecycle',
  'cli-doctor',
  'instance-directory',
  'leases',
  'broker-outage',
  'hostile-decoder',
  'events',
  'compensation',
  'list-edges',
  'examples',
  'cli-usage',
  'find-binary',
  'doctor',
  'edge-cases',
  'early-claim',
  'cancel',
  'demo',
  // It has both cores to itself nowhere, but the short files that follow leave it more of them.
  'bench',
  'pages',
  // It waits more than it works.
  'outage',
];

/** Runs the longest files first, and the others in vitest's own order. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.indexOf(basename(moduleId, '.test.ts'));
      return index < 0 ? LONGEST.length : index;
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
