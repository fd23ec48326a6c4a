import { type Command, Option } from 'commander';
import { MAX_RENTAL_LIMIT, type RentalLimits } from '../instances/rental-limit.js';
import { integer } from './options.js';

const limit = integer(0, MAX_RENTAL_LIMIT);
/** An environment variable that is set to nothing sets nothing; the parser then keeps the empty text. */
const parseLimit = (text: string) => (text === '' ? undefined : limit(text));

/** `--max-instances` and `--max-gpus`, of the commands that rent. */
export function withRentalLimits(command: Command): Command {
  return command
    .addOption(
      new Option('--max-instances <n>', 'instances that may be rented at once; creates beyond are refused')
        .env('JETFLEET_MAX_INSTANCES')
        .argParser(parseLimit),
    )
    .addOption(
      new Option('--max-gpus <n>', 'GPUs that may be rented at once; creates beyond are refused')
        .env('JETFLEET_MAX_GPUS')
        .argParser(parseLimit),
    );
}

/** Those that are set. */
export function rentalLimitsOf({ maxInstances, maxGpus }: RentalLimits): RentalLimits {
  return {
    ...(typeof maxInstances === 'number' && { maxInstances }),
    ...(typeof maxGpus === 'number' && { maxGpus }),
  };
}
