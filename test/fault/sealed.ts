import { compression, encryption, type JobQueueOptions } from '../../src/index.js';

/** The codec of every queue of a campaign with `--sealed`: what jobs carry is compressed and encrypted. Processes inherit the variable. */
export function sealed(): Pick<JobQueueOptions, 'codec'> {
  if (process.env.FAULT_SEALED !== '1') return {};
  const keys = { fault: Buffer.alloc(32, 7) };
  return { codec: [compression({ overBytes: 64 }), encryption({ keys, current: 'fault' })] };
}
