import { useMay } from '../api/session.js';
import { bulk } from '../jobs/job-actions.js';
import { JobBrowser } from '../jobs/job-browser.js';
import { usePlace } from '../router.js';
import { Icon } from '../ui/icons.js';
import { Empty, Page } from '../ui/page.js';

export function DeadLettersPage() {
  const isOperator = useMay('operator');
  const { query } = usePlace();
  const type = query.get('type') ?? undefined;
  const what = type ? `all failed ${type} jobs` : 'all failed jobs';
  const retryAll = () => bulk('retry', { filter: { status: 'failed', ...(type && { type }) } }, what);
  return (
    <Page
      title="Dead letters"
      about="Jobs that ended without success. Retrying one takes it back into the queue with a fresh count of attempts."
      actions={
        isOperator && (
          <button type="button" onClick={retryAll}>
            <Icon name="retry" /> Retry all{type && ` of ${type}`}
          </button>
        )
      }
    >
      <JobBrowser
        isDeadLetters
        empty={(isFiltered) =>
          isFiltered ? (
            <Empty title="No failed job matches this filter." />
          ) : (
            <Empty title="No dead letters.">
              <p>Jobs that run out of attempts, are rejected, time out or are cancelled would be here.</p>
            </Empty>
          )
        }
      />
    </Page>
  );
}
