import type { ComponentChildren } from 'preact';
import type { Spent } from '../api/answers.js';
import { Link, usePlace, withFilter } from '../router.js';
import { formatCount } from '../ui/format.js';
import { Time } from '../ui/time.js';
import { Amount } from './amount.js';

/** What was spent this month: as a whole, and by account, tag and day. */
export function SpentPanels({ spent }: { spent: Spent }) {
  const { total, ratePerHour, running, instances, unpriced, since } = spent;
  return (
    <>
      <div class="tiles sums">
        <Tile label="spent" value={<Amount of={total} isUnpriced={unpriced > 0} />}>
          from <Time at={since} />
        </Tile>
        <Tile label="an hour now" value={<Amount of={ratePerHour} />}>
          {formatCount(running)} running
        </Tile>
        <Tile label="instances" value={formatCount(instances)}>
          {unpriced > 0 ? `${formatCount(unpriced)} without a known price` : 'with those that have ended'}
        </Tile>
      </div>
      <div class="grid two">
        <Sums
          name="Accounts"
          rows={spent.byAccount.map(({ provider, account, ...sum }) => ({
            key: `${provider} ${account}`,
            name: (
              <>
                {provider} <span class="quiet">{account}</span>
              </>
            ),
            ...sum,
          }))}
        />
        <Sums
          name="Tags"
          rows={spent.byTag.map(({ tag, ...sum }) => ({ key: tag, name: <TagLink tag={tag} />, ...sum }))}
        />
      </div>
      {spent.byDay.length > 0 && <Days days={spent.byDay} />}
    </>
  );
}

function Tile({
  label,
  value,
  children,
}: {
  label: string;
  value: ComponentChildren;
  children: ComponentChildren;
}) {
  return (
    <div class="tile">
      <span class="tile-label">{label}</span>
      <span class="tile-count">{value}</span>
      <span class="tile-about">{children}</span>
    </div>
  );
}

function TagLink({ tag }: { tag: string }) {
  const place = usePlace();
  return <Link to={withFilter(place, { tag })}>{tag}</Link>;
}

interface SumRow {
  key: string;
  name: ComponentChildren;
  amount: number;
  ratePerHour: number;
  instances: number;
}

function Sums({ name, rows }: { name: string; rows: readonly SumRow[] }) {
  if (rows.length === 0) return null;
  return (
    <section class="panel flush" aria-label={name}>
      <table class="data">
        <thead>
          <tr>
            <th>{name}</th>
            <th class="number">Instances</th>
            <th class="number">An hour now</th>
            <th class="number">Spent</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(({ key, name: shown, amount, ratePerHour, instances }) => (
            <tr key={key}>
              <th scope="row">{shown}</th>
              <td class="number" data-label="instances">
                {formatCount(instances)}
              </td>
              <td class="number" data-label="an hour now">
                <Amount of={ratePerHour} />
              </td>
              <td class="number" data-label="spent">
                <Amount of={amount} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Days({ days }: { days: Spent['byDay'] }) {
  const most = Math.max(...days.map(({ amount }) => amount), 1);
  return (
    <section class="panel" aria-label="Days">
      <div class="panel-head">
        <h2>Days, UTC</h2>
      </div>
      <ul class="day-sums">
        {days.map(({ day, amount }) => (
          <li key={day}>
            <span>{day}</span>
            <meter min={0} max={most} value={amount} aria-label={`${day} beside the dearest day`} />
            <span class="number">
              <Amount of={amount} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
