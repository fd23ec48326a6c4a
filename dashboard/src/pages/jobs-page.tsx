import { useState } from 'preact/hooks';
import { useMay } from '../api/session.js';
import { AddJobDialog } from '../jobs/add-job-dialog.js';
import { CleanupButton } from '../jobs/cleanup-button.js';
import { JobBrowser } from '../jobs/job-browser.js';
import { navigate, usePlace, withQuery } from '../router.js';
import { Icon } from '../ui/icons.js';
import { Empty, Page } from '../ui/page.js';

export function JobsPage() {
  const place = usePlace();
  const isOperator = useMay('operator');
  const isAdding = place.query.has('add');
  const setAdding = (add: '1' | undefined) =>
    navigate(withQuery(place, { add }), { replace: true, cursors: place.cursors });
  /** Of the list: what is removed tells nobody. */
  const [round, setRound] = useState(0);
  return (
    <Page
      title="Jobs"
      actions={
        <>
          <CleanupButton onRemoved={() => setRound(round + 1)} />
          {isOperator && (
            <button type="button" class="primary" onClick={() => setAdding('1')}>
              <Icon name="plus" /> Add a job
            </button>
          )}
        </>
      }
    >
      <JobBrowser key={round} empty={(isFiltered) => <NoJobs isFiltered={isFiltered} />} />
      {isAdding && isOperator && <AddJobDialog onClose={() => setAdding(undefined)} />}
    </Page>
  );
}

function NoJobs({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) {
    return (
      <Empty title="No job matches this filter.">
        <p>Clear the filter, or widen the time.</p>
      </Empty>
    );
  }
  return (
    <Empty title="No jobs yet.">
      <p>Add one with the button above, or from a shell:</p>
      <pre>npx jetfleet job add create_instance --data '{'{…}'}'</pre>
    </Empty>
  );
}
