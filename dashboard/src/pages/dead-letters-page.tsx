import { useMay } from '../api/session.js';
import { bulk } from '../bulk/bulk-dialog.js';
import { Causes } from '../jobs/causes.js';
import { bulkFilterOf, JobBrowser } from '../jobs/job-browser.js';
import { usePlace } from '../router.js';
import { Icon } from '../ui/icons.js';
import { Empty, Page } from '../ui/page.js';

export function DeadLettersPage() {
  const isOperator = useMay('operator');
  const filter = bulkFilterOf(usePlace(), true);
  const { type, status, deadLetters, ...more } = filter;
  const isNarrower = Object.keys(more).length > 0;
  const whose = isNarrower ? ' that match' : type ? ` of ${type}` : '';
  return (
    <Page
      title="Dead letters"
      about="Jobs that failed and that nobody cancelled. Retrying one takes it back into the queue with a fresh count of attempts."
      actions={
        isOperator && (
          <button type="button" onClick={() => bulk({ action: 'retry', target: { filter } })}>
            <Icon name="retry" /> Retry all{whose}
          </button>
        )
      }
    >
      <Causes />
      <JobBrowser
        isDeadLetters
        empty={(isFiltered) =>
          isFiltered ? (
            <Empty title="No failed job matches this filter." />
          ) : (
            <Empty title="No dead letters.">
              <p>Jobs that run out of attempts, are rejected or time out would be here.</p>
            </Empty>
          )
        }
      />
    </Page>
  );
}
