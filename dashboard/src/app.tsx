import type { ComponentChild } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { messageOf, signInWanted } from './api/client.js';
import { loadSession, session } from './api/session.js';
import { BulkDialog } from './bulk/bulk-dialog.js';
import { startLive } from './live/live.js';
import { ApiPage } from './pages/api-page.js';
import { AuditPage } from './pages/audit-page.js';
import { DeadLettersPage } from './pages/dead-letters-page.js';
import { EndpointsPage } from './pages/endpoints-page.js';
import { JobPage } from './pages/job-page.js';
import { JobsPage } from './pages/jobs-page.js';
import { LimitsPage } from './pages/limits-page.js';
import { MachinePage } from './pages/machine-page.js';
import { MachinesPage } from './pages/machines-page.js';
import { MoneyPage } from './pages/money-page.js';
import { OverviewPage } from './pages/overview-page.js';
import { SchedulesPage } from './pages/schedules-page.js';
import { SignIn } from './pages/sign-in.js';
import { WebhookPage } from './pages/webhook-page.js';
import { WebhooksPage } from './pages/webhooks-page.js';
import { WorkersPage } from './pages/workers-page.js';
import { Link, match, usePlace } from './router.js';
import { useStore } from './store.js';
import { ConfirmDialog } from './ui/confirm.js';
import { lazy } from './ui/lazy.js';
import { Empty, Page } from './ui/page.js';
import { Shell } from './ui/shell.js';
import { Toasts } from './ui/toasts.js';

const HistoryPage = lazy(async () => (await import('./pages/history-page.js')).HistoryPage);

const ROUTES: [pattern: string, page: (found: Record<string, string>) => ComponentChild][] = [
  ['/', () => <OverviewPage />],
  ['/jobs', () => <JobsPage />],
  ['/jobs/:id', ({ id = '' }) => <JobPage key={id} id={id} />],
  ['/history', () => <HistoryPage />],
  ['/schedules', () => <SchedulesPage />],
  ['/limits', () => <LimitsPage />],
  ['/money', () => <MoneyPage />],
  ['/machines', () => <MachinesPage />],
  ['/machines/:id', ({ id = '' }) => <MachinePage key={id} id={id} />],
  ['/workers', () => <WorkersPage />],
  ['/webhooks', () => <WebhooksPage />],
  ['/endpoints', () => <EndpointsPage />],
  ['/webhooks/:id', ({ id = '' }) => <WebhookPage key={id} id={id} />],
  ['/dead-letters', () => <DeadLettersPage />],
  ['/audit', () => <AuditPage />],
  ['/api', () => <ApiPage />],
];

export function App() {
  const isSignInWanted = useStore(signInWanted);
  return (
    <>
      {isSignInWanted ? <SignIn /> : <Dashboard />}
      <ConfirmDialog />
      <BulkDialog />
      <Toasts />
    </>
  );
}

function Dashboard() {
  const own = useStore(session);
  const [error, setError] = useState('');
  useEffect(() => {
    let isGone = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const load = () =>
      loadSession().then(
        () => setError(''),
        (reason) => {
          if (isGone) return;
          setError(messageOf(reason));
          timer = setTimeout(load, 2_000);
        },
      );
    void load();
    return () => {
      isGone = true;
      clearTimeout(timer);
    };
  }, []);
  useEffect(() => (own ? startLive() : undefined), [own !== undefined]);
  if (!own) return error ? <NoServer reason={error} /> : null;
  return (
    <Shell>
      <Route />
    </Shell>
  );
}

function NoServer({ reason }: { reason: string }) {
  return (
    <main class="alone">
      <div class="panel">
        <Empty title="The dashboard has no server to talk to.">
          <p>{reason}</p>
          <p>It tries again every two seconds.</p>
        </Empty>
      </div>
    </main>
  );
}

function Route() {
  const { path } = usePlace();
  for (const [pattern, page] of ROUTES) {
    const found = match(pattern, path);
    if (found) return <>{page(found)}</>;
  }
  return (
    <Page title="Not found">
      <div class="panel">
        <Empty title="There is no page at this address.">
          <Link to="/">Go to the overview</Link>
        </Empty>
      </div>
    </Page>
  );
}
