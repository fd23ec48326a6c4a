import type { ShownProvider } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { formatCount } from '../ui/format.js';
import { Time } from '../ui/time.js';

const STATES = {
  closed: ['used', 'completed'],
  open: ['resting', 'failed'],
  halfOpen: ['tried', 'pending'],
} as const;

/** Providers of instances that have failed; nothing while all are well. */
export function ProvidersPanel() {
  const list = useResource<{ providers: ShownProvider[] }>('/providers', { isLive: false, everyMs: 5_000 });
  const providers = list.data?.providers ?? [];
  if (providers.length === 0) return null;
  return (
    <section class="panel flush" aria-label="Providers">
      <table class="data">
        <thead>
          <tr>
            <th>Provider</th>
            <th>Region</th>
            <th>State</th>
            <th class="number">Failures</th>
            <th>Failing since</th>
            <th>Tried again</th>
          </tr>
        </thead>
        <tbody>
          {providers.map(({ provider, region, state, failures, failingSince, openUntil, error }) => (
            <tr key={`${provider} ${region}`}>
              <th scope="row">{provider}</th>
              <td data-label="region">{region}</td>
              <td data-label="state">
                <span class={`badge ${STATES[state][1]}`}>{STATES[state][0]}</span>
                {error && <div class="error-text">{error}</div>}
              </td>
              <td class="number" data-label="failures">
                {formatCount(failures)}
              </td>
              <td data-label="failing since">
                <Time at={failingSince} />
              </td>
              <td data-label="tried again">
                <Time at={state === 'open' ? openUntil : undefined} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
