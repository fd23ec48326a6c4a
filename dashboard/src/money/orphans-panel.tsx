import { useState } from 'preact/hooks';
import type { OrphanReport } from '../api/answers.js';
import { getJson, messageOf, post } from '../api/client.js';
import { confirm } from '../ui/confirm.js';
import { formatCount } from '../ui/format.js';
import { Panel } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { attempt } from '../ui/toasts.js';
import { Amount } from './amount.js';

interface Deleted {
  deleted: { novitaInstanceId: string; jobId?: string }[];
}

/** Looks for instances that cost money for nobody, and deletes those that somebody says yes to. */
export function OrphansPanel() {
  const [report, setReport] = useState<OrphanReport>();
  const [error, setError] = useState('');
  const [isLooking, setLooking] = useState(false);
  const look = async () => {
    setLooking(true);
    setError('');
    try {
      setReport(await getJson<OrphanReport>('/orphans'));
    } catch (reason) {
      setError(messageOf(reason));
    }
    setLooking(false);
  };
  const ids = (report?.orphans ?? []).filter((each) => each.deletable).map((each) => each.novitaInstanceId);
  const remove = async () => {
    const words = `${formatCount(ids.length)} ${ids.length === 1 ? 'instance' : 'instances'}`;
    const isSure = await confirm({
      title: `Delete ${words}?`,
      text: <p>All that is on them is lost. A job deletes each, until its provider says that it is gone.</p>,
      action: `Delete ${words}`,
      isDanger: true,
    });
    if (!isSure) return;
    await attempt(
      () => post<Deleted>('/orphans/delete', { ids }),
      ({ deleted }) => {
        const done = deleted.filter(({ jobId }) => jobId !== undefined).length;
        return `${done} of ${deleted.length} are being deleted.`;
      },
    );
    await look();
  };
  return (
    <Panel
      title="Orphans"
      actions={
        <span class="badges">
          <button type="button" disabled={isLooking} onClick={look}>
            {isLooking ? 'Asking the providers …' : 'Look for orphans'}
          </button>
          {ids.length > 0 && (
            <button type="button" class="danger" disabled={isLooking} onClick={remove}>
              Delete {formatCount(ids.length)}
            </button>
          )}
        </span>
      }
    >
      <p class="quiet">Instances with names of Jetfleet that no job uses any more.</p>
      {error && <p class="error-text">{error}</p>}
      {report && <Found report={report} />}
    </Panel>
  );
}

function Found({ report: { orphans, ratePerHour, unreachable } }: { report: OrphanReport }) {
  return (
    <>
      {unreachable.map(({ provider, message }) => (
        <p key={provider} class="error-text">
          {provider} does not answer: {message}
        </p>
      ))}
      {orphans.length === 0 ? (
        <p>None were found.</p>
      ) : (
        <>
          <p>
            <strong>{formatCount(orphans.length)}</strong>, <Amount of={ratePerHour} /> an hour
          </p>
          <table class="data">
            <thead>
              <tr>
                <th>Instance</th>
                <th>Status</th>
                <th>Since</th>
                <th>Why</th>
                <th class="number">An hour</th>
                <th class="number">Cost</th>
              </tr>
            </thead>
            <tbody>
              {orphans.map(({ novitaInstanceId, status, since, why, deletable, pricePerHour, cost }) => (
                <tr key={novitaInstanceId}>
                  <th scope="row" class="id">
                    {novitaInstanceId}
                  </th>
                  <td data-label="status">{status}</td>
                  <td data-label="since">
                    <Time at={since} />
                  </td>
                  <td data-label="why">
                    {why}
                    {!deletable && <div class="quiet">not deleted: no record proves whose it is</div>}
                  </td>
                  <td class="number" data-label="an hour">
                    <Amount of={pricePerHour} />
                  </td>
                  <td class="number" data-label="cost">
                    <Amount of={cost} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      )}
    </>
  );
}
