import type { Broker } from '../../broker/broker.js';
import { onceIn } from '../../jobs/once-in.js';
import type { Pause } from '../../wire/pauses.js';
import type { WorkKind } from '../../wire/subjects.js';
import { readPauses } from '../pause/pause-jobs.js';
import { uncoveredTypes } from './unhandled-types.js';

type Consumers = Awaited<ReturnType<Broker['topology']['consumers']>>;
type Uncovered = Awaited<ReturnType<typeof uncoveredTypes>>;

/** What several counts of one moment need: each is asked once, when it is first needed. */
export class QueueFacts {
  readonly broker: Broker;
  readonly #consumers = new Map<WorkKind, Promise<Consumers>>();
  readonly #uncovered = new Map<WorkKind, Promise<Uncovered>>();
  #pauses: Promise<Pause[]> | undefined;

  constructor(broker: Broker) {
    this.broker = broker;
  }

  pauses(): Promise<Pause[]> {
    this.#pauses ??= readPauses(this.broker);
    return this.#pauses;
  }

  consumers(kind: WorkKind): Promise<Consumers> {
    return onceIn(this.#consumers, kind, () => this.broker.topology.consumers(kind));
  }

  /** The types that wait in a work stream without a consumer. */
  uncovered(kind: WorkKind): Promise<Uncovered> {
    return onceIn(this.#uncovered, kind, async () => {
      const { subjects } = this.broker;
      const types = (await this.consumers(kind)).flatMap(
        ({ name }) => subjects.parseConsumer(name)?.type ?? [],
      );
      return uncoveredTypes(this.broker, kind, new Set(types));
    });
  }
}
