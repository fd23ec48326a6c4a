import type { Protocol } from 'puppeteer-core';
import type { DashboardPage } from './dashboard-page.js';

/** What the buttons of a page do. */
export interface ClickedThrough {
  /** Paths of requests that would have changed something. The server has seen none of them. */
  asked: string[];
  /** What is wrong with dialogs that opened: rules of WCAG, and keys that do not work. */
  faults: string[];
  /** Titles of the dialogs. */
  dialogs: string[];
}

const REFUSED = { title: 'Refused', code: 'JETFLEET_HTTP_FORBIDDEN', detail: 'by a test' };
const REFUSAL: Omit<Protocol.Fetch.FulfillRequestRequest, 'requestId'> = {
  responseCode: 403,
  responseHeaders: [{ name: 'content-type', value: 'application/problem+json' }],
  body: Buffer.from(JSON.stringify(REFUSED)).toString('base64'),
};

/**
 * Clicks each button of a page, and each kind of button of its rows once. A dialog that opens is examined, and closed by key.
 * @param open shows the page
 */
export async function clickThrough(tab: DashboardPage, open: () => Promise<void>): Promise<ClickedThrough> {
  const { page } = tab;
  const seen: ClickedThrough = { asked: [], faults: [], dialogs: [] };
  // Puppeteer's own interception would hold each script and style as well, and has them loaded anew by each page.
  const session = await page.createCDPSession();
  session.on('Fetch.requestPaused', ({ requestId, request }) => {
    if (request.method === 'GET')
      return void session.send('Fetch.continueRequest', { requestId }).catch(() => {});
    seen.asked.push(new URL(request.url).pathname);
    void session.send('Fetch.fulfillRequest', { requestId, ...REFUSAL }).catch(() => {});
  });
  await session.send('Fetch.enable', { patterns: [{ resourceType: 'Fetch' }, { resourceType: 'XHR' }] });
  try {
    await open();
    const start = page.url();
    for (const name of await page.evaluate(namesOfButtons)) {
      if (page.url() !== start) await open();
      if (!(await page.evaluate(clickButton, name))) continue;
      const title = await page.evaluate(titleOfDialog);
      if (title === '') continue;
      seen.dialogs.push(title);
      const faults = await tab.violations(undefined, 'dialog[open]');
      // One that has nothing to ask closes by itself.
      const hasFocus = await page.evaluate(() => {
        const dialog = document.querySelector('dialog[open]');
        return dialog === null || dialog.contains(document.activeElement);
      });
      await tab.press('Escape');
      await tab.seeNoMore('dialog[open]');
      seen.faults.push(...faults, ...(hasFocus ? [] : [`${title}: the focus is elsewhere`]));
    }
  } finally {
    await session.detach();
  }
  return seen;
}

/** Runs in the page. Rows differ in what they are called: of each kind of button the first one counts. */
function namesOfButtons(): string[] {
  const buttons = [...document.querySelectorAll<HTMLButtonElement>('#content button:not(:disabled)')];
  const kinds = new Map<string, string>();
  for (const button of buttons) {
    if (button.getClientRects().length === 0) continue;
    const name = button.getAttribute('aria-label') ?? button.innerText.trim();
    const row = button.closest('tr')?.querySelector<HTMLElement>('th')?.innerText.trim() ?? '';
    const kind = row === '' ? name : name.replace(row, '*');
    if (!kinds.has(kind)) kinds.set(kind, name);
  }
  return [...kinds.values()];
}

/** Runs in the page. @returns false where the button has gone */
async function clickButton(name: string): Promise<boolean> {
  const button = [...document.querySelectorAll<HTMLButtonElement>('#content button:not(:disabled)')].find(
    (each) => (each.getAttribute('aria-label') ?? each.innerText.trim()) === name,
  );
  button?.focus();
  button?.click();
  await new Promise((resolve) => setTimeout(resolve, 40));
  return button !== undefined;
}

function titleOfDialog(): string {
  return document.querySelector<HTMLElement>('dialog[open] h2')?.innerText ?? '';
}
