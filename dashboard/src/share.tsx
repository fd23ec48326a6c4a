import { render } from 'preact';
import { JobPage } from './pages/job-page.js';
import { type Shared, shared } from './shared.js';
import { formatAbsolute } from './ui/format.js';
import { Toasts } from './ui/toasts.js';

function SharedPage({ id, at, version }: Shared) {
  return (
    <>
      <main class="shared-page" id="content">
        <JobPage id={id} />
      </main>
      <footer class="shared-foot quiet">
        As it was at {formatAbsolute(Date.parse(at))}, without secrets. Made by Jetfleet {version}.
      </footer>
      <Toasts />
    </>
  );
}

if (shared) render(<SharedPage {...shared} />, document.getElementById('app') as HTMLElement);
