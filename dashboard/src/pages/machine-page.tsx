import { Fragment } from 'preact';
import { useCallback, useMemo } from 'preact/hooks';
import type { Chart, FleetMachine, MachineAnswer } from '../api/answers.js';
import { call, messageOf } from '../api/client.js';
import { useResource } from '../api/use-resource.js';
import { StateChart } from '../charts/state-chart.js';
import { edgeCounts } from '../fleet/edge-counts.js';
import { StandingPanel } from '../fleet/standing-panel.js';
import { useFleetMachine } from '../live/fleet.js';
import { currentPlace, Link, navigate, usePlace, withQuery } from '../router.js';
import { copyText } from '../ui/copy.js';
import { formatCount, formatDuration } from '../ui/format.js';
import { Empty, Loaded, Page, Panel } from '../ui/page.js';
import { say } from '../ui/toasts.js';

export function MachinePage({ id }: { id: string }) {
  const path = `/machines/${encodeURIComponent(id)}`;
  const machine = useResource<MachineAnswer>(path);
  const missing = (
    <div class="panel">
      <Empty title={`There is no machine ${id}.`}>
        <p>Charts of a worker are known while it runs.</p>
        <Link to="/machines">All machines</Link>
      </Empty>
    </div>
  );
  return (
    <Page title={id} about={machine.data?.chart.description} actions={<Exports id={id} path={path} />}>
      <Loaded of={machine} missing={missing}>
        {(known) => <Live {...known} />}
      </Loaded>
    </Page>
  );
}

/** A chart with what stands and moves in it now. */
function Live({ chart, counts: atFirst }: MachineAnswer) {
  const machine = useFleetMachine(chart.id);
  const place = usePlace();
  const shown = place.query.get('state') ?? undefined;
  const counts = machine?.counts ?? atFirst;
  const moved = useMemo(() => machine && edgeCounts(chart, machine.moved), [machine, chart]);
  const show = useCallback(
    (state: string | undefined) => navigate(withQuery(currentPlace(), { state }), { replace: true }),
    [],
  );
  return (
    <>
      <Panel title="Chart" actions={<span class="quiet">version {chart.version || '–'}</span>}>
        <StateChart
          chart={chart}
          counts={counts}
          moved={moved}
          lit={shown === undefined ? undefined : [shown]}
          onState={show}
        />
      </Panel>
      {shown !== undefined && (
        <StandingPanel machine={chart.id} state={shown} onClose={() => show(undefined)} />
      )}
      <div class="grid two">
        <Panel title="States">
          <States chart={chart} counts={counts} times={machine?.times ?? {}} onState={show} />
        </Panel>
        <Panel title="Transitions">
          <Transitions chart={chart} />
        </Panel>
      </div>
    </>
  );
}

const EXPORTS = [
  ['svg', 'SVG', 'svg'],
  ['xstate', 'XState JSON', 'json'],
  ['mermaid', 'Mermaid', 'mmd'],
] as const;

/** Downloads, which a plain link could not do with a token; Mermaid can be copied as well. */
function Exports({ id, path }: { id: string; path: string }) {
  const textOf = async (kind: string) => (await call(`${path}/${kind}`)).text();
  const download = async (kind: string, ending: string) => {
    try {
      const url = URL.createObjectURL(new Blob([await textOf(kind)], { type: 'application/octet-stream' }));
      const link = Object.assign(document.createElement('a'), { href: url, download: `${id}.${ending}` });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 1_000);
    } catch (error) {
      say(messageOf(error), 'bad');
    }
  };
  const copyMermaid = async () => {
    try {
      const isCopied = await copyText(await textOf('mermaid'));
      say(
        isCopied ? 'Mermaid is on the clipboard.' : 'The browser does not let this page copy.',
        isCopied ? 'good' : 'bad',
      );
    } catch (error) {
      say(messageOf(error), 'bad');
    }
  };
  return (
    <>
      {EXPORTS.map(([kind, label, ending]) => (
        <button key={kind} type="button" onClick={() => download(kind, ending)}>
          {label}
        </button>
      ))}
      <button type="button" onClick={copyMermaid}>
        Copy Mermaid
      </button>
    </>
  );
}

interface StatesProps {
  chart: Chart;
  counts: Record<string, number>;
  times: FleetMachine['times'];
  onState(id: string): void;
}

/** Times are of machines that have left their state since somebody watches. */
function States({ chart, counts, times, onState }: StatesProps) {
  return (
    <>
      <table class="data machine-states">
        <thead>
          <tr>
            <th>State</th>
            <th>What it means</th>
            <th class="number">Now</th>
            <th class="number">p50</th>
            <th class="number">p95</th>
          </tr>
        </thead>
        <tbody>
          {chart.states.map(({ id, kind, description, invokes }) => (
            <tr key={id}>
              <th scope="row">
                <button type="button" class="link" onClick={() => onState(id)}>
                  <StateName id={id} />
                </button>
              </th>
              <td data-label="means">
                {description || kind}
                {invokes.length > 0 && <span class="quiet"> Runs {invokes.join(', ')}.</span>}
              </td>
              <td class="number" data-label="now">
                {counts[id] === undefined ? <span class="quiet">–</span> : formatCount(counts[id])}
              </td>
              {(['p50', 'p95'] as const).map((at) => (
                <td key={at} class="number" data-label={at}>
                  {times[id] ? formatDuration(times[id][at]) : <span class="quiet">–</span>}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      <p class="quiet">Times of those that have left a state since somebody watches.</p>
    </>
  );
}

/** May go on in another line after each dot. */
function StateName({ id }: { id: string }) {
  const parts = id.split('.');
  return (
    <>
      {parts.map((part, index) => (
        <Fragment key={index}>
          {index > 0 && '.'}
          {index > 0 && <wbr />}
          {part}
        </Fragment>
      ))}
    </>
  );
}

function Transitions({ chart }: { chart: Chart }) {
  return (
    <table class="data">
      <thead>
        <tr>
          <th>From</th>
          <th>On</th>
          <th>To</th>
        </tr>
      </thead>
      <tbody>
        {chart.edges.map(({ id, from, to, label, guard, actions }) => (
          <tr key={id}>
            <th scope="row">{from ? <StateName id={from} /> : 'anywhere'}</th>
            <td data-label="on">
              {label || 'at once'}
              {guard && <span class="quiet"> if {guard}</span>}
              {actions.length > 0 && <span class="quiet"> / {actions.join(', ')}</span>}
            </td>
            <td data-label="to">
              <StateName id={to} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
