import type { Dimension, HistoryGroup, StatsHistory } from '../../../src/jobs/stats-history.js';
import { DIMENSIONS } from '../../../src/jobs/stats-history.js';
import { useResource } from '../api/use-resource.js';
import { HistoryCharts } from '../history/history-charts.js';
import { askedOf, type Slice, sliceChanges } from '../history/range.js';
import { JobBrowser } from '../jobs/job-browser.js';
import { CUSTOM, RANGES } from '../jobs/time-range.js';
import { Link, navigate, type Place, usePlace, withFilter } from '../router.js';
import { serverNow } from '../ui/clock.js';
import { formatCount, formatDuration } from '../ui/format.js';
import { Empty, Loaded, Page, Panel } from '../ui/page.js';

/** Of all charts and tables, in a wide window. */
const HEIGHT_PX = 1_060;
/** As often as a server counts. */
const EVERY_MS = 10_000;
const SHOWN_RANGES = ['1h', '6h', '24h'] as const;
const MINUTE_MS = 60_000;
const DAY_AND_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** A day of rates, errors and times, and the jobs of the part that somebody looks at. */
export function HistoryPage() {
  const place = usePlace();
  const { path, slice, left, isZoomed } = askedOf(place.query, serverNow());
  const history = useResource<StatsHistory>(path, { isLive: false, everyMs: EVERY_MS });
  const zoom = (fromMs: number, toMs: number) => {
    const since = Math.floor(fromMs / MINUTE_MS) * MINUTE_MS;
    const until = Math.max(since + MINUTE_MS, Math.ceil(toMs / MINUTE_MS) * MINUTE_MS);
    const [from, to] = [since, until].map((ms) => new Date(ms).toISOString());
    navigate(withFilter(place, { range: CUSTOM, since: from, until: to }));
  };
  return (
    <Page title="History" actions={<Ranges place={place} isZoomed={isZoomed} />}>
      <Loaded of={history} height={HEIGHT_PX}>
        {(known) => (
          <>
            <About history={known} slice={slice} left={left} place={place} />
            <HistoryCharts history={known} onBrush={zoom} />
            <div class="grid two">
              <Groups history={known} place={place} slice={slice} />
              <Errors history={known} isSliced={slice !== undefined} />
            </div>
          </>
        )}
      </Loaded>
      <h2 class="section-title">Jobs of this time</h2>
      <JobBrowser empty={() => <Empty title="No job that is still kept matches." />} />
    </Page>
  );
}

function Ranges({ place, isZoomed }: { place: Place; isZoomed: boolean }) {
  const range = place.query.get('range') ?? '';
  const show = (name: string | undefined) =>
    navigate(withFilter(place, { range: name, since: undefined, until: undefined }));
  return (
    <fieldset class="segments" aria-label="Time shown">
      {SHOWN_RANGES.map((name) => {
        const isDay = name === '24h';
        const isShown =
          !isZoomed && (range === name || (isDay && !SHOWN_RANGES.some((each) => each === range)));
        return (
          <button
            key={name}
            type="button"
            aria-pressed={isShown}
            onClick={() => show(isDay ? undefined : name)}
          >
            {RANGES[name]?.[0]}
          </button>
        );
      })}
      {isZoomed && (
        <button type="button" onClick={() => show(undefined)}>
          Zoom out
        </button>
      )}
    </fieldset>
  );
}

interface AboutProps {
  history: StatsHistory;
  slice: Slice | undefined;
  left: readonly string[];
  place: Place;
}

/** Which time and which jobs, and what the charts leave out. */
function About({ history, slice, left, place }: AboutProps) {
  const { from, to, stepMs, countedUntil, percentileError } = history;
  return (
    <p class="quiet about-history">
      <time dateTime={from}>{DAY_AND_TIME.format(Date.parse(from))}</time> to{' '}
      <time dateTime={to}>{DAY_AND_TIME.format(Date.parse(to))}</time>, {formatDuration(stepMs)} a step
      {slice && (
        <>
          , {slice.dimension} <strong>{slice.value}</strong>{' '}
          <Link to={withFilter(place, sliceChanges(undefined))}>all jobs</Link>
        </>
      )}
      . Percentiles are within {(100 * percentileError).toFixed(0)} %. Drag over a chart to zoom in.
      {left.length > 0 && ` The charts do not filter by ${left.join(', ')}; the list below does.`}
      {countedUntil && ' Not all events are counted yet.'}
    </p>
  );
}

const COLUMNS: readonly [name: string, of: (group: HistoryGroup) => number | undefined, isTime?: boolean][] =
  [
    ['Completed', ({ completed }) => completed],
    ['Failed', ({ failed }) => failed],
    ['Retried', ({ retried }) => retried],
    ['Wait p95', ({ waitMs }) => waitMs?.p95, true],
    ['Run p95', ({ runMs }) => runMs?.p95, true],
  ];

function Groups({
  history,
  place,
  slice,
}: {
  history: StatsHistory;
  place: Place;
  slice: Slice | undefined;
}) {
  const by = dimensionIn(place.query.get('by'));
  const groups = history.groups[by];
  return (
    <Panel
      title={`All jobs by ${by}`}
      actions={
        <fieldset class="segments" aria-label="By">
          {DIMENSIONS.map((each) => (
            <button
              key={each}
              type="button"
              class="small"
              aria-pressed={each === by}
              onClick={() =>
                navigate(withFilter(place, { by: each === 'type' ? undefined : each }), { replace: true })
              }
            >
              {each}
            </button>
          ))}
        </fieldset>
      }
    >
      {groups.length === 0 ? (
        <Empty title={by === 'tag' ? 'No job of this time had a tag.' : 'No job ran in this time.'} />
      ) : (
        <div class="table-scroll">
          <table class="data">
            <thead>
              <tr>
                <th>{by}</th>
                {COLUMNS.map(([name]) => (
                  <th key={name} class="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {groups.map((group) => (
                <tr key={group.value ?? ''} class={isShown(slice, by, group) ? 'selected' : undefined}>
                  <th scope="row">
                    {group.value === null ? (
                      <span class="quiet">others</span>
                    ) : (
                      <Link to={withFilter(place, sliceChanges({ dimension: by, value: group.value }))}>
                        {group.value}
                      </Link>
                    )}
                  </th>
                  {COLUMNS.map(([name, of, isTime]) => {
                    const value = of(group);
                    return (
                      <td key={name} class={value ? 'number' : 'number quiet'} data-label={name}>
                        {value === undefined ? '–' : isTime ? formatDuration(value) : formatCount(value)}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Panel>
  );
}

function isShown(slice: Slice | undefined, by: Dimension, { value }: HistoryGroup): boolean {
  return slice?.dimension === by && slice.value === value;
}

function dimensionIn(text: string | null): Dimension {
  return DIMENSIONS.find((each) => each === text) ?? 'type';
}

function Errors({ history: { errors, total }, isSliced }: { history: StatsHistory; isSliced: boolean }) {
  const codes = Object.entries(errors).sort(([, a], [, b]) => b - a);
  return (
    <Panel title={isSliced ? 'Errors of all jobs' : `Errors: ${formatCount(total.failed)}`}>
      {codes.length === 0 ? (
        <Empty title="No job failed in this time." />
      ) : (
        <table class="data">
          <thead>
            <tr>
              <th>Code</th>
              <th class="number">Failed</th>
            </tr>
          </thead>
          <tbody>
            {codes.map(([code, count]) => (
              <tr key={code}>
                <th scope="row">
                  {code === '' ? (
                    <span class="quiet">others</span>
                  ) : (
                    <Link to={`/dead-letters?${new URLSearchParams({ errorCode: code })}`}>{code}</Link>
                  )}
                </th>
                <td class="number" data-label="failed">
                  {formatCount(count)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </Panel>
  );
}
