import type { FleetMachine, MachineSummary } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { useFleet } from '../live/fleet.js';
import { Link } from '../router.js';
import { formatCount } from '../ui/format.js';
import { Empty, Loaded, Page } from '../ui/page.js';

export function MachinesPage() {
  const fleet = useFleet();
  const machines = useResource<{ machines: MachineSummary[] }>('/machines', { isLive: false });
  return (
    <Page
      title="Machines"
      about="The state charts that jobs and workers run, with how many jobs stand where."
    >
      <Loaded of={machines}>
        {({ machines: all }) =>
          all.length === 0 ? (
            <div class="panel">
              <Empty title="No machine is known." />
            </div>
          ) : (
            <ul class="cards">
              {all.map((machine) => (
                <li key={`${machine.source}-${machine.id}`}>
                  <Link to={`/machines/${encodeURIComponent(machine.id)}`} class="card">
                    <strong class="id">{machine.id}</strong>
                    <span class="quiet">{machine.description || 'It has no description.'}</span>
                    <span class="card-foot">
                      <span class="chip">{machine.states} states</span>
                      {machine.version && <span class="chip">version {machine.version}</span>}
                      <span class="chip">{machine.source === 'worker' ? 'from a worker' : 'built in'}</span>
                    </span>
                    <Counts of={fleet?.machines.find(({ id }) => id === machine.id)} />
                  </Link>
                </li>
              ))}
            </ul>
          )
        }
      </Loaded>
    </Page>
  );
}

/** How many stand in each innermost state, where most do first. */
function Counts({ of }: { of: FleetMachine | undefined }) {
  const states = Object.entries(of?.counts ?? {});
  const inner = states.filter(
    ([id, count]) => count > 0 && !states.some(([other]) => other.startsWith(`${id}.`)),
  );
  if (inner.length === 0) return <span class="quiet">None runs now.</span>;
  return (
    <span class="state-counts">
      {inner
        .sort(([, a], [, b]) => b - a)
        .map(([id, count]) => (
          <span key={id}>
            {id} <strong>{formatCount(count)}</strong>
          </span>
        ))}
    </span>
  );
}
