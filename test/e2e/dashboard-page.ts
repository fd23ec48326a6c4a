import axe from 'axe-core';
import type {
  ConsoleMessage,
  EvaluateFunc,
  HandleFor,
  HTTPRequest,
  HTTPResponse,
  KeyInput,
  Page,
} from 'puppeteer-core';
import { expect } from 'vitest';
import { giveTabBack, takeTab } from './shared-tab.js';

export type Theme = 'light' | 'dark';

export interface OpenOptions {
  /** Statuses that the server may answer with; any other from 400 on is a failure. */
  expectedStatuses?: readonly number[];
  /** The server comes and goes, so a request may be refused or cut off, at any moment. */
  serverMayBeGone?: boolean;
}

/** Within which a page shows what it is to show, on a machine that is busy with something else. */
export const PATIENCE_MS = 20_000;
/** Each animation frame would be more often, and has the browser draw one. */
const CHECK_EVERY_MS = 40;
/** What the browser says of a request that had no answer, or not all of it. */
const UNANSWERED = /net::ERR_\w+$/;

/** A tab of the dashboard, which remembers what went wrong in it. */
export class DashboardPage implements AsyncDisposable {
  readonly #problems: string[] = [];
  readonly #unwatch: () => void;
  readonly page: Page;
  readonly base: string;

  private constructor(page: Page, base: string, options: OpenOptions) {
    this.page = page;
    this.base = base;
    this.#unwatch = watch(page, options.expectedStatuses ?? [], (problem) => {
      if (!(options.serverMayBeGone && UNANSWERED.test(problem))) this.#problems.push(problem);
    });
  }

  /** Opens a path of the dashboard in a tab that is empty and has nothing stored. */
  static async open(base: string, path: string, options: OpenOptions = {}): Promise<DashboardPage> {
    const page = await takeTab();
    page.setDefaultTimeout(PATIENCE_MS);
    const tab = new DashboardPage(page, base, options);
    await tab.resize(1360);
    await tab.wear('light');
    await page.goto(base + path);
    return tab;
  }

  get problems(): readonly string[] {
    return this.#problems;
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

  /** What the page is told when its tab is left, or looked at again. */
  look(state: 'hidden' | 'visible'): Promise<void> {
    return this.page.evaluate((visibility) => {
      Object.defineProperty(document, 'visibilityState', { value: visibility, configurable: true });
      Object.defineProperty(document, 'hidden', { value: visibility === 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  }

  async goto(path: string): Promise<void> {
    await this.page.goto(this.base + path);
  }

  /** Goes to a path as a link of the page would: the page is not loaded again. */
  async follow(path: string): Promise<void> {
    await this.page.evaluate(async (to) => {
      history.pushState(null, '', to);
      dispatchEvent(new PopStateEvent('popstate'));
      // What was shown before goes with the next turn.
      await new Promise((resolve) => setTimeout(resolve));
    }, path);
  }

  /** Waits until a function that runs in the page returns something truthy. */
  until<Args extends unknown[], Check extends EvaluateFunc<Args>>(
    check: Check,
    ...args: Args
  ): Promise<HandleFor<Awaited<ReturnType<Check>>>> {
    return this.page.waitForFunction(check, { polling: CHECK_EVERY_MS }, ...args);
  }

  /** Waits until something is there. */
  async see(selector: string): Promise<void> {
    await this.until(isVisible, selector, true).catch(becauseOf(`${selector} does not appear`));
  }

  async seeText(text: string, within = 'body'): Promise<void> {
    const shows = (selector: string, words: string) =>
      [...document.querySelectorAll<HTMLElement>(selector)].some((element) =>
        element.innerText.includes(words),
      );
    const problem = `${JSON.stringify(text)} does not appear in ${within}`;
    await this.until(shows, within, text).catch(becauseOf(problem));
  }

  async seeNoMore(selector: string): Promise<void> {
    await this.until(isVisible, selector, false).catch(becauseOf(`${selector} does not go away`));
  }

  /** Clicks the button or link that says this. */
  async click(text: string, within = 'body'): Promise<void> {
    const find = (selector: string, words: string) =>
      [...document.querySelectorAll<HTMLElement>(`${selector} :is(button, a, summary)`)].find(
        (element) =>
          !(element as HTMLButtonElement).disabled &&
          (element.innerText.trim() === words || element.getAttribute('aria-label') === words),
      );
    const problem = `nothing to click says ${JSON.stringify(text)}`;
    const handle = await this.until(find, within, text).catch(becauseOf(problem));
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

  /** Rules of WCAG that the page, or a part of it, breaks in a way that shuts somebody out. */
  async violations(rules?: string[], within?: string): Promise<string[]> {
    if (!(await this.page.evaluate(() => 'axe' in window))) await this.page.evaluate(axe.source);
    const found = await this.page.evaluate(
      async (runOnly, part) => {
        const { axe } = window as unknown as { axe: typeof import('axe-core') };
        const { violations } = await axe.run((part && document.querySelector(part)) || document, {
          preload: false,
          resultTypes: ['violations'],
          ...(runOnly && { runOnly }),
        });
        return violations
          .filter(({ impact }) => impact === 'serious' || impact === 'critical')
          .flatMap(({ id, nodes }) =>
            nodes.slice(0, 5).map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
          );
      },
      rules,
      within,
    );
    return found;
  }

  /** What can be clicked and not be reached by key: its cursor says so, and nothing in or around it takes the focus. */
  unreachable(): Promise<string[]> {
    return this.page.evaluate(() => {
      const focusable = 'a[href], button, input, select, textarea, summary, label, [tabindex]';
      return [...document.querySelectorAll('main *')]
        .filter((each) => getComputedStyle(each).cursor === 'pointer' && each.getClientRects().length > 0)
        .filter(({ parentElement }) => !parentElement || getComputedStyle(parentElement).cursor !== 'pointer')
        .filter((each) => !each.closest(focusable) && !each.querySelector(focusable))
        .map((each) => each.outerHTML.slice(0, 200));
    });
  }

  /** How many pixels the page is wider than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  }

  /** What sticks out of the panel that it is in, or is cut off there. */
  cutOff(): Promise<string[]> {
    return this.page.evaluate(() =>
      [...document.querySelectorAll('.panel')].flatMap((panel) => {
        const { right } = panel.getBoundingClientRect();
        return [...panel.querySelectorAll('th, td, button, .badge, h2')]
          .filter((part) => part.getBoundingClientRect().right > right + 1)
          .filter((part) => part.getClientRects().length > 0 && !part.closest('.off-screen, .drawing'))
          .slice(0, 3)
          .map((part) => part.outerHTML.slice(0, 200));
      }),
    );
  }

  /** Leaves the tab to the next test; a test in which something went wrong unseen fails here. */
  async [Symbol.asyncDispose](): Promise<void> {
    await giveTabBack(this.page);
    this.#unwatch();
    // Softly, since a test that failed already has more to say than this.
    expect.soft(this.#problems).toEqual([]);
  }
}

/** Runs in the page. */
function isVisible(selector: string, wanted: boolean): boolean {
  const elements = [...document.querySelectorAll(selector)];
  const isShown = (element: Element) => {
    const { width, height } = element.getBoundingClientRect();
    return width > 0 && height > 0 && getComputedStyle(element).visibility === 'visible';
  };
  return elements.some(isShown) === wanted;
}

function becauseOf(problem: string): (cause: unknown) => never {
  return (cause) => {
    throw new Error(problem, { cause });
  };
}

/** Reports what goes wrong in a page. @returns what ends it */
function watch(page: Page, expected: readonly number[], report: (problem: string) => void): () => void {
  const onError = (error: unknown) => report(`uncaught: ${String(error)}`);
  const onConsole = (message: ConsoleMessage) => {
    // The browser reports a refused request here as well; those that are expected are none.
    const isStatus = /the server responded with a status of (\d+)/.exec(message.text())?.[1];
    if (message.type() === 'error' && !expected.includes(Number(isStatus))) {
      report(`console: ${message.text()}`);
    }
  };
  const onFailed = (request: HTTPRequest) => {
    const why = request.failure()?.errorText ?? '';
    // A stream ends like this when its page does.
    if (why !== 'net::ERR_ABORTED') report(`${request.url()}: ${why}`);
  };
  const onResponse = (response: HTTPResponse) => {
    const status = response.status();
    if (status >= 400 && !expected.includes(status)) report(`${response.url()}: ${status}`);
  };
  page.on('pageerror', onError);
  page.on('console', onConsole);
  page.on('requestfailed', onFailed);
  page.on('response', onResponse);
  return () => {
    page.off('pageerror', onError);
    page.off('console', onConsole);
    page.off('requestfailed', onFailed);
    page.off('response', onResponse);
  };
}
