import type { RentedInstance, Spent } from '../api/answers.js';
import { queryOf } from '../api/client.js';
import { useMay } from '../api/session.js';
import { useResource } from '../api/use-resource.js';
import { pageLinks } from '../jobs/job-list.js';
import { Pager } from '../jobs/pager.js';
import { InstancesTable } from '../money/instances-table.js';
import { OrphansPanel } from '../money/orphans-panel.js';
import { SpentPanels } from '../money/spent-panels.js';
import { navigate, usePlace, withFilter } from '../router.js';
import { Empty, Loaded, Page } from '../ui/page.js';

const PAGE_SIZE = 50;
const STATUSES = [
  ['', 'all'],
  ['open', 'still there'],
  ['running', 'running'],
  ['stopped', 'stopped'],
  ['ended', 'ended'],
] as const;

/** What was rented, and what it costs. */
export function MoneyPage() {
  const place = usePlace();
  const { query } = place;
  const tag = query.get('tag') ?? undefined;
  const spent = useResource<Spent>(`/ledger/spent${queryOf({ tag })}`, { isLive: false, everyMs: 10_000 });
  return (
    <Page
      title="Money"
      about="Every instance that was rented, and what it costs. Disks of stopped instances are not counted."
      actions={
        tag !== undefined && (
          <button type="button" onClick={() => navigate(withFilter(place, { tag: undefined }))}>
            Show all, not only {tag}
          </button>
        )
      }
    >
      <Loaded of={spent}>{(sums) => <SpentPanels spent={sums} />}</Loaded>
      <Instances tag={tag} />
      {useMay('operator') && <OrphansPanel />}
    </Page>
  );
}

function Instances({ tag }: { tag: string | undefined }) {
  const place = usePlace();
  const status = place.query.get('status') ?? undefined;
  const cursor = place.query.get('cursor') ?? undefined;
  const path = `/ledger${queryOf({ tag, status, cursor, limit: PAGE_SIZE })}`;
  const list = useResource<{ instances: RentedInstance[]; cursor?: string }>(path, {
    isLive: false,
    everyMs: 10_000,
  });
  const links = pageLinks(place, list.data?.cursor);
  return (
    <Loaded of={list}>
      {({ instances }) => (
        <section class="panel flush listed" aria-label="Instances">
          <div class="panel-head">
            <h2>Instances</h2>
            <label>
              <span class="quiet">Status </span>
              <select
                value={status ?? ''}
                onChange={({ currentTarget }) =>
                  navigate(withFilter(place, { status: currentTarget.value || undefined }))
                }
              >
                {STATUSES.map(([value, words]) => (
                  <option key={value} value={value}>
                    {words}
                  </option>
                ))}
              </select>
            </label>
          </div>
          {instances.length === 0 && links.isFirst && !links.next ? (
            <Empty title="Nothing was rented." />
          ) : (
            <InstancesTable instances={instances} />
          )}
          <Pager list={links} isNewest of="instances" />
        </section>
      )}
    </Loaded>
  );
}
