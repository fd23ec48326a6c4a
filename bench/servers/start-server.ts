import type { Unit } from '../unit.js';
import { startNats } from './nats.js';
import { startPostgres } from './postgres.js';
import { startRedis } from './redis.js';
import type { BenchServer } from './server.js';

/** The name under which a system's server stands among the versions. */
export const SERVER_OF = {
  jetfleet: 'natsServer',
  'raw-jetstream': 'natsServer',
  bullmq: 'redis',
  'graphile-worker': 'postgres',
  'pg-boss': 'postgres',
} as const satisfies Record<Unit['system'], string>;

export function startServer({ system, durability }: Unit): Promise<BenchServer> {
  switch (SERVER_OF[system]) {
    case 'natsServer':
      return startNats(durability);
    case 'redis':
      return startRedis(durability);
    case 'postgres':
      return startPostgres();
  }
}
