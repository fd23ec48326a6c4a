import { type Pause, scopeText } from '../../../src/wire/pauses.js';
import { useMay } from '../api/session.js';
import { Panel } from '../ui/page.js';
import { Time } from '../ui/time.js';
import { beginning, resume, usePauses } from './pauses.js';

/** What is paused, why and until when, and what ends it. Nothing where nothing is. */
export function PausesPanel() {
  const pauses = usePauses();
  const isAdmin = useMay('admin');
  if (pauses.length === 0) return null;
  return (
    <Panel title="Paused">
      <ul class="lines pauses">
        {pauses.map((pause) => (
          <li key={scopeText(pause)}>
            <strong>{beginning(pause)}</strong>
            <About pause={pause} />
            {isAdmin && (
              <button
                type="button"
                class="small end"
                aria-label={`Resume ${scopeText(pause)}`}
                onClick={() => resume(pause, pauses)}
              >
                Resume
              </button>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function About({ pause: { since, until, reason, by } }: { pause: Pause }) {
  return (
    <span class="quiet">
      since <Time at={since} />
      {by !== undefined && ` by ${by}`}, until{' '}
      {until === undefined ? 'somebody resumes' : <Time at={until} />}
      {reason !== undefined && `: ${reason}`}
    </span>
  );
}
