import { mkdirSync } from 'node:fs';
import axe from 'axe-core';
import { connect, type KeyInput, type Page } from 'puppeteer-core';
import { expect, inject } from 'vitest';

export type Theme = 'light' | 'dark';

export interface OpenOptions {
  /** Statuses that the server may answer with; any other from 400 on is a failure. */
  expectedStatuses?: readonly number[];
}

const PATIENCE_MS = 8_000;
const SCREENSHOTS = 'docs/images';

/** A tab of the dashboard, which remembers what went wrong in it. */
export class DashboardPage implements AsyncDisposable {
  readonly #problems: string[] = [];
  readonly #disconnect: () => Promise<void>;
  readonly page: Page;
  readonly base: string;

  private constructor(
    page: Page,
    base: string,
    disconnect: () => Promise<void>,
    expected: readonly number[],
  ) {
    this.page = page;
    this.base = base;
    this.#disconnect = disconnect;
    page.on('pageerror', (error) => this.#problems.push(`uncaught: ${String(error)}`));
    page.on('console', (message) => {
      // The browser reports a refused request here as well; those that are expected are none.
      const isStatus = /the server responded with a status of (\d+)/.exec(message.text())?.[1];
      if (message.type() === 'error' && !expected.includes(Number(isStatus))) {
        this.#problems.push(`console: ${message.text()}`);
      }
    });
    page.on('requestfailed', (request) => {
      const why = request.failure()?.errorText ?? '';
      // A stream ends like this when its page does.
      if (why !== 'net::ERR_ABORTED') this.#problems.push(`${request.url()}: ${why}`);
    });
    page.on('response', (response) => {
      const status = response.status();
      if (status >= 400 && !expected.includes(status)) this.#problems.push(`${response.url()}: ${status}`);
    });
  }

  /** Opens a path of the dashboard in a tab and a session of its own. */
  static async open(base: string, path: string, options: OpenOptions = {}): Promise<DashboardPage> {
    const { expectedStatuses = [] } = options;
    const browser = await connect({ browserWSEndpoint: inject('chromium'), defaultViewport: null });
    const context = await browser.createBrowserContext();
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const disconnect = async () => {
      await context.close();
      await browser.disconnect();
    };
    const tab = new DashboardPage(page, base, disconnect, expectedStatuses);
    await tab.resize(1360);
    await tab.wear('light');
    await page.goto(base + path);
    return tab;
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  /** Forgets what went wrong, where that was the point. */
  forgive(): void {
    this.#problems.length = 0;
  }

  /** What the system of the viewer prefers. */
  wear(theme: Theme): Promise<void> {
    return this.page.emulateMediaFeatures([
      { name: 'prefers-color-scheme', value: theme },
      { name: 'prefers-reduced-motion', value: 'reduce' },
    ]);
  }

  /** @param width in pixels; less than 500 is a phone */
  resize(width: number): Promise<void> {
    return this.page.setViewport({ width, height: width < 500 ? 800 : 900 });
  }

  async goto(path: string): Promise<void> {
    await this.page.goto(this.base + path);
  }

  /** Waits until something is there. */
  async see(selector: string): Promise<void> {
    await this.page.waitForSelector(selector, { visible: true });
  }

  async seeText(text: string, within = 'body'): Promise<void> {
    const shows = (selector: string, words: string) =>
      [...document.querySelectorAll<HTMLElement>(selector)].some((element) =>
        element.innerText.includes(words),
      );
    await this.page.waitForFunction(shows, { polling: 'raf' }, within, text).catch((cause: unknown) => {
      throw new Error(`${JSON.stringify(text)} does not appear in ${within}`, { cause });
    });
  }

  async seeNoMore(selector: string): Promise<void> {
    await this.page.waitForSelector(selector, { hidden: true });
  }

  /** Clicks the button or link that says this. */
  async click(text: string, within = 'body'): Promise<void> {
    const find = (selector: string, words: string) =>
      [...document.querySelectorAll<HTMLElement>(`${selector} :is(button, a, summary)`)].find(
        (element) =>
          !(element as HTMLButtonElement).disabled &&
          (element.innerText.trim() === words || element.getAttribute('aria-label') === words),
      );
    const handle = await this.page
      .waitForFunction(find, { polling: 'raf' }, within, text)
      .catch((cause: unknown) => {
        throw new Error(`nothing to click says ${JSON.stringify(text)}`, { cause });
      });
    await handle.asElement()?.evaluate((element) => (element as unknown as HTMLElement).click());
  }

  async type(selector: string, text: string): Promise<void> {
    await this.see(selector);
    await this.page.$eval(selector, (element) => (element as HTMLInputElement).select());
    await this.page.type(selector, text);
  }

  async press(...keys: KeyInput[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  text(selector: string): Promise<string> {
    return this.page.$eval(selector, (element) => (element as HTMLElement).innerText);
  }

  /** Rules of WCAG that the page breaks in a way that shuts somebody out. */
  async violations(rules?: string[]): Promise<string[]> {
    if (!(await this.page.evaluate(() => 'axe' in window))) await this.page.evaluate(axe.source);
    const found = await this.page.evaluate(async (runOnly) => {
      const { axe } = window as unknown as { axe: typeof import('axe-core') };
      const { violations } = await axe.run(document, {
        preload: false,
        resultTypes: ['violations'],
        ...(runOnly && { runOnly }),
      });
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .flatMap(({ id, nodes }) =>
          nodes.slice(0, 5).map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
        );
    }, rules);
    return found;
  }

  /** How many pixels the page is wider than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  }

  /** Keeps a picture for the documentation, where JETFLEET_SCREENSHOTS asks for it. */
  async picture(name: string): Promise<void> {
    if (process.env.JETFLEET_SCREENSHOTS !== '1') return;
    mkdirSync(SCREENSHOTS, { recursive: true });
    await this.page.screenshot({ path: `${SCREENSHOTS}/dashboard-${name}.png` });
  }

  /** Closes the tab; a test in which something went wrong unseen fails here. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#disconnect();
    // Softly, since a test that failed already has more to say than this.
    expect.soft(this.#problems).toEqual([]);
  }
}
