/** How the command line shows an endpoint. */
import type { ShownEndpoint } from '../webhooks/endpoints/webhook-endpoints.js';
import type { GlobalOptions } from './options.js';
import { note, plain, print, printJson, table, WHOLE } from './output.js';

export function endpointRow({ id, url, events, state, health, kept }: ShownEndpoint): (string | number)[] {
  return [
    ...[id, url, events.join(' '), STATE_TEXT[state]].map(plain),
    health.failures,
    kept.count,
    plain(health.reason ?? health.error ?? ''),
  ];
}

const STATE_TEXT = { closed: 'active', open: 'resting', halfOpen: 'tried', disabled: 'disabled' } as const;

export function printEndpoint(endpoint: ShownEndpoint, { json }: GlobalOptions): void {
  if (json) {
    printJson(endpoint);
    return;
  }
  const {
    id,
    url,
    events,
    concurrency,
    rate,
    ordered,
    format,
    keep,
    state,
    health,
    kept,
    headerNames,
    secrets,
  } = endpoint;
  const rows: [string, string | number | undefined][] = [
    ['id', id],
    ['url', url],
    ['description', endpoint.description],
    ['events', events.join(' ')],
    ['state', STATE_TEXT[state]],
    ['failing since', health.failingSince],
    ['last error', health.error],
    ['rests until', health.openUntil],
    [
      'disabled',
      health.disabledAt && `${health.disabledAt} (${health.disabledBy}) ${health.reason ?? ''}`.trim(),
    ],
    ['kept', kept.oldestAt === undefined ? kept.count : `${kept.count}, since ${kept.oldestAt}`],
    ['keeps', `${keep.maxCount} for ${keep.maxAgeMs} ms`],
    ['at once', concurrency],
    ['rate', rate && `${rate.max} per ${rate.perMs} ms`],
    ['ordered', ordered ? 'by instance' : 'no'],
    ['format', format],
    ['headers', headerNames?.join(' ')],
    ['secrets', secrets?.map(({ since, until }) => (until ? `${since} to ${until}` : since)).join(', ')],
  ];
  print(
    table(
      rows.flatMap(([name, value]) =>
        value === undefined || value === '' ? [] : [[name, plain(String(value))]],
      ),
      WHOLE,
    ),
  );
}

/** With its secret, which is shown this one time. */
export function printAdded(
  { secret, ...endpoint }: ShownEndpoint & { secret: string },
  options: GlobalOptions,
): void {
  if (options.json) {
    printJson({ ...endpoint, secret });
    return;
  }
  printEndpoint(endpoint, options);
  print('');
  print(`secret: ${secret}`);
  note('the secret is shown this one time; give it to the receiver');
}
