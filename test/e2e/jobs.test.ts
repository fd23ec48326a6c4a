import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DashboardPage } from './dashboard-page.js';
import { eventually, type LiveSystem, startLiveSystem } from './live-system.js';

let system: LiveSystem;
const open = (path: string) => DashboardPage.open(system.http.url, path);
const stateOf = async (id: string) => (await system.fleet.queue.getJob(id))?.state;
const rows = (tab: DashboardPage) => tab.page.$$eval('.data.jobs tbody tr', (all) => all.length);

beforeAll(async () => {
  system = await startLiveSystem();
});
afterAll(() => system[Symbol.asyncDispose]());

describe('the jobs page', () => {
  it('keeps its filter in the address and finds jobs by how their id begins', async () => {
    const { queue } = system.fleet;
    await queue.addJob('greet', {}, 'low', { id: 'find-a' });
    await queue.addJob('greet', {}, 'high', { id: 'find-b' });
    await using tab = await open('/jobs?id=find-&priority=low');
    await tab.seeText('find-a', '.data.jobs');
    expect(await rows(tab)).toBe(1);
    await tab.page.evaluate(() => {
      const select = [...document.querySelectorAll('select')].find((one) => one.value === 'low');
      if (!select) throw new Error('no filter is set to low');
      select.value = 'high';
      select.dispatchEvent(new Event('change', { bubbles: true }));
    });
    await tab.seeText('find-b', '.data.jobs');
    expect(tab.page.url()).toContain('priority=high');
    await tab.click('Clear');
    await tab.until(() => window.location.search === '');
  });

  it('pages through many jobs, newest first', async () => {
    const { queue } = system.fleet;
    await queue.addJobs(Array.from({ length: 60 }, (_, number) => ({ type: 'later', payload: { number } })));
    await using tab = await open('/jobs?type=later');
    await tab.see('.pager');
    expect(await rows(tab)).toBe(50);
    await tab.click('Older');
    await tab.seeText('page 2', '.pager');
    await tab.until(() => document.querySelectorAll('.data.jobs tbody tr').length === 10);
    await tab.click('Newer');
    await tab.until(() => document.querySelectorAll('.data.jobs tbody tr').length === 50);
  });

  it('adds a job, and says what is wrong with one', async () => {
    await using tab = await open('/jobs');
    await tab.click('Add a job');
    await tab.type('dialog input[name=type]', 'greet');
    await tab.type('dialog textarea', '{oops');
    await tab.click('Add the job', 'dialog');
    await tab.seeText('The payload is not JSON', 'dialog');
    await tab.type('dialog textarea', '{"name":"Ada"}');
    await tab.click('More options', 'dialog');
    await tab.type('dialog input[name=id]', 'added-1');
    await tab.click('Add the job', 'dialog');
    await tab.seeText('added-1', 'h1');
    await tab.seeText('"Ada"', '.json');
    expect((await system.fleet.waitForJob('added-1', 'completed')).result).toEqual({
      hello: { name: 'Ada' },
    });
  });

  it('cancels the selected jobs after asking', async () => {
    const { queue } = system.fleet;
    for (const number of [1, 2, 3, 4])
      await queue.addJob('unhandled', {}, 'normal', { id: `bulk-${number}` });
    await using tab = await open('/jobs?id=bulk-');
    await tab.seeText('bulk-4', '.data.jobs');
    const pick = (row: number, modifiers: { shiftKey?: boolean } = {}) =>
      tab.page.$$eval(
        '.data.jobs tbody input',
        (boxes, index, keys) =>
          boxes[index]?.dispatchEvent(new MouseEvent('click', { bubbles: true, ...keys })),
        row,
        modifiers,
      );
    await pick(0);
    await pick(2, { shiftKey: true });
    await tab.seeText('3 selected', '.bulk');
    await tab.click('Cancel jobs');
    await tab.click('Cancel 3 jobs', 'dialog');
    await tab.seeText('3 jobs cancelled', '.toasts');
    const states = await Promise.all([1, 2, 3, 4].map((number) => stateOf(`bulk-${number}`)));
    expect(states.filter((state) => state === 'cancelled')).toHaveLength(3);
  });

  it('cancels all that match the filter, also those on other pages', async () => {
    const { queue } = system.fleet;
    await queue.addJobs(Array.from({ length: 70 }, () => ({ type: 'flood', payload: {} })));
    await using tab = await open('/jobs?type=flood&status=pending');
    await tab.see('.data.jobs tbody tr');
    await tab.page.$eval('.data.jobs thead input', (box) => (box as HTMLElement).click());
    await tab.click('Select all that match the filter');
    await tab.click('Cancel jobs');
    await tab.click('Cancel 70 jobs', 'dialog');
    await tab.seeText('70 jobs cancelled', '.toasts');
    expect((await queue.getJobs({ type: 'flood', status: 'pending' })).jobs).toHaveLength(0);
  });

  it('shows what comes while it is open, but stands still while somebody selects', async () => {
    const { queue } = system.fleet;
    await queue.addJob('greet', {}, 'normal', { id: 'live-1' });
    await using tab = await open('/jobs?id=live-');
    await tab.seeText('live-1', '.data.jobs');
    await queue.addJob('greet', {}, 'normal', { id: 'live-2' });
    await tab.seeText('live-2', '.data.jobs');
    await tab.page.$eval('.data.jobs tbody input', (box) => (box as HTMLElement).click());
    await queue.addJob('greet', {}, 'normal', { id: 'live-3' });
    const ticked = tab.page.waitForResponse((response) => response.url().includes('/api/v1/'), {
      timeout: 1_500,
    });
    await expect(ticked).rejects.toThrow();
    expect(await rows(tab)).toBe(2);
    await tab.click('Clear selection');
    await tab.seeText('live-3', '.data.jobs');
  });
});

describe('a list stays put', () => {
  it('under the mouse and while it is scrolled, and counts what is new', async () => {
    const { queue } = system.fleet;
    const add = (from: number, count: number) =>
      queue.addJobs(
        Array.from({ length: count }, (_, at) => ({
          type: 'stay',
          payload: {},
          id: `stay-${String(from + at).padStart(3, '0')}`,
        })),
      );
    const first = (tab: DashboardPage) => tab.text('.data.jobs tbody .id');
    await add(0, 30);
    await using tab = await open('/jobs?id=stay-');
    await tab.seeText('stay-029', '.data.jobs');
    await tab.page.hover('.data.jobs tbody tr:nth-child(3)');
    await add(30, 7);
    await tab.seeText('7 new', '.new-rows');
    expect(await first(tab)).toBe('stay-029');
    await tab.click('7 new');
    await tab.seeText('stay-036', '.data.jobs');
    await tab.page.mouse.move(5, 5);
    await tab.page.evaluate(() => window.scrollTo(0, 300));
    await tab.until(() => window.scrollY === 300);
    await add(37, 2);
    await tab.seeText('2 new', '.new-rows');
    expect(await first(tab)).toBe('stay-036');
    await tab.page.evaluate(() => window.scrollTo(0, 0));
    await tab.seeText('stay-038', '.data.jobs');
    await tab.seeNoMore('.new-rows');
  });

  it('when somebody comes back to its second page, as far down as before', async () => {
    const { queue } = system.fleet;
    await queue.addJobs(
      Array.from({ length: 90 }, (_, at) => ({ type: 'far', payload: {}, id: `far-${100 + at}` })),
    );
    await using tab = await open('/jobs?type=far');
    await tab.click('Older');
    await tab.seeText('page 2', '.pager');
    await tab.seeText('far-130', '.data.jobs');
    await tab.page.evaluate(() => window.scrollTo(0, 400));
    await tab.until(() => window.scrollY === 400);
    const link = await tab.page.$eval('.data.jobs a[href="/jobs/far-120"]', (a) =>
      (a as HTMLElement).click(),
    );
    expect(link).toBeUndefined();
    await tab.seeText('far-120', 'h1');
    await tab.until(() => window.scrollY === 0);
    await tab.page.goBack();
    await tab.until(() => window.scrollY === 400);
    await tab.seeText('page 2', '.pager');
    await tab.page.reload();
    await tab.seeText('page 2', '.pager');
    await tab.until(() => window.scrollY === 400);
    await tab.click('Newer');
    await tab.seeText('far-189', '.data.jobs');
    // Whoever is sent the address has not come by the first page.
    const { search } = new URL(tab.page.url());
    expect(search).toBe('?type=far');
    await tab.click('Older');
    const shared = tab.page.url();
    await tab.page.evaluate(() => history.replaceState(null, ''));
    await tab.page.goto(shared);
    await tab.seeText('far-130', '.data.jobs');
    await tab.click('First page');
    await tab.seeText('far-189', '.data.jobs');
  });

  it('but shows what its reader has done, and what becomes of its jobs where they stand', async () => {
    const { queue } = system.fleet;
    const add = (from: number, count: number) =>
      queue.addJobs(
        Array.from({ length: count }, (_, at) => ({
          type: 'own',
          payload: {},
          id: `own-${100 + from + at}`,
        })),
      );
    const scroll = async (tab: DashboardPage) => {
      await tab.page.evaluate(() => window.scrollTo(0, 300));
      await tab.until(() => window.scrollY === 300);
    };
    const select = (tab: DashboardPage) =>
      tab.page.$eval('.data.jobs tbody input', (box) => (box as HTMLElement).click());
    await add(0, 55);
    await using tab = await open('/jobs?type=own&status=pending');
    await tab.seeText('own-154', '.data.jobs');
    await scroll(tab);
    await select(tab);
    await tab.click('Cancel jobs', '.bulk');
    await tab.click('Cancel 1 job', 'dialog');
    await tab.until(() => !document.querySelector('.data.jobs')?.textContent?.includes('own-154'));
    // One of the second page moves up, and is no new one.
    const read = tab.page.waitForResponse((response) => response.url().includes('/api/v1/jobs?'));
    await queue.cancel('own-130');
    await read;
    await add(55, 2);
    await tab.seeText('2 new', '.new-rows');
    await tab.goto('/jobs?type=own');
    await tab.seeText('own-156', '.data.jobs');
    await scroll(tab);
    await queue.cancel('own-140');
    await tab.until(() => {
      const row = document.querySelector('.data.jobs a[href="/jobs/own-140"]')?.closest('tr');
      return row?.textContent?.includes('cancelled') === true && row.previousElementSibling !== null;
    });
    await select(tab);
    await tab.see('.bulk');
    await tab.click('Older');
    await tab.seeText('page 2', '.pager');
    await tab.click('Add a job');
    await tab.press('Escape');
    await tab.seeText('page 2', '.pager');
    await tab.click('Newer');
    await tab.seeText('own-156', '.data.jobs');
    await tab.seeNoMore('.bulk');
  });

  it('and is walked through by keys alone', async () => {
    await using tab = await open('/jobs?type=far&order=oldest');
    await tab.seeText('far-100', '.data.jobs');
    await tab.press('j', 'j', 'j', 'k', 'x');
    await tab.seeText('1 selected', '.bulk');
    expect(await tab.page.evaluate(() => document.activeElement?.textContent)).toBe('far-101');
    await tab.press('Enter');
    await tab.seeText('far-101', 'h1');
    await tab.page.goBack();
    await tab.see('.data.jobs tbody tr');
    await tab.press('j');
    expect(await tab.page.evaluate(() => document.activeElement?.textContent)).toBe('far-101');
  });

  it('with the columns and views that this browser keeps, whatever stands in its storage', async () => {
    const { queue } = system.fleet;
    await queue.addJob('greet', {}, 'normal', { id: 'column-1', tags: ['tenant:acme'] });
    await system.fleet.waitForJob('column-1', 'completed');
    await using tab = await open('/jobs?id=column-');
    for (const garbage of ['{', '[1,{"name":7}]', '{"jobs":5}', '[{"name":"x","list":"jobs"}]']) {
      await tab.page.evaluate((text) => {
        localStorage.setItem('jetfleet-columns', text);
        localStorage.setItem('jetfleet-views', text);
        sessionStorage.setItem('jetfleet-scroll', text);
      }, garbage);
      await tab.page.reload();
      await tab.seeText('completed', '.data.jobs');
    }
    await tab.click('Columns');
    await tab.see('.checks');
    await tab.page.$$eval('.checks label', (labels) => {
      for (const label of labels)
        if (/^(Duration|Worker|Tags)$/.test(label.innerText.trim())) label.querySelector('input')?.click();
    });
    await tab.seeText('tenant:acme', '.data.jobs .tags');
    await tab.seeText('ms', '.data.jobs [data-label=duration]');
    await tab.press('Escape');
    await tab.click('Views');
    await tab.type('.popup-body input', 'With tags');
    await tab.click('Save this view');
    await tab.seeText('With tags', '.popup-body');
    await tab.goto('/jobs?status=failed');
    await tab.click('Columns');
    await tab.click('The usual ones');
    await tab.click('Views');
    await tab.click('With tags');
    await tab.seeText('tenant:acme', '.data.jobs .tags');
    expect(new URL(tab.page.url()).search).toBe('?id=column-');
  });
});

it('a list searches on by itself where many jobs do not fit', async () => {
  const { queue } = system.fleet;
  await queue.addJob('greet', {}, 'critical', { id: 'needle', tags: ['rare'] });
  await system.fleet.waitForJob('needle', 'completed');
  const others = Array.from({ length: 1_200 }, () => ({ type: 'greet', payload: {} }));
  const before = (await queue.getStats()).byType.greet?.completed ?? 0;
  await queue.addJobs(others);
  const isOver = async () => (await queue.getStats()).byType.greet?.completed === before + others.length;
  await eventually(isOver, 'the others have ended');
  const within = queue.getJobsWithin.bind(queue);
  const spied = vi.spyOn(queue, 'getJobsWithin').mockImplementation((filter) => within(filter, 0));
  onTestFinished(() => spied.mockRestore());
  await using tab = await open('/jobs?type=greet&priority=critical');
  await tab.seeText('needle', '.data.jobs');
  expect(spied.mock.calls.filter(([filter]) => filter?.cursor !== undefined).length).toBeGreaterThan(0);
  await tab.goto('/jobs?type=greet&priority=high&errorCode=NONE');
  await tab.seeText('No job matches this filter');
});

describe('a job is opened', () => {
  it('by its whole id and Enter, in the search and in the filter', async () => {
    const { queue } = system.fleet;
    await queue.addJob('greet', {}, 'normal', { id: 'exact' });
    await queue.addJob('greet', {}, 'normal', { id: 'exact-2' });
    await using tab = await DashboardPage.open(system.http.url, '/jobs', { expectedStatuses: [404] });
    await tab.type('#search', 'exact');
    await tab.press('Enter');
    await tab.seeText('exact', 'h1');
    await tab.type('#search', 'exac');
    await tab.press('Enter');
    await tab.seeText('exact-2', '.data.jobs');
    await tab.type('.filters input[type=search]', 'exact-2');
    await tab.press('Enter');
    await tab.seeText('exact-2', 'h1');
  });

  it('by the palette, which is loaded when it is opened, and knows everything else', async () => {
    await system.fleet.queue.addJob('greet', {}, 'normal', { id: 'sought-2' });
    await using tab = await open('/');
    await tab.see('.tiles');
    const loaded = () =>
      tab.page.evaluate(
        () =>
          performance.getEntriesByType('resource').filter(({ name }) => /palette-\w+\.js/.test(name)).length,
      );
    expect(await loaded()).toBe(0);
    const seek = async (text: string, group: string, name: string) => {
      await tab.page.keyboard.down('Control');
      await tab.press('k');
      await tab.page.keyboard.up('Control');
      await tab.see('.palette');
      await tab.page.keyboard.type(text);
      await tab.seeText(name, `.palette [aria-label=${group}] [aria-selected=true]`);
    };
    await seek('sought-', 'Jobs', 'sought-2');
    expect(await loaded()).toBe(1);
    expect(await tab.violations()).toEqual([]);
    await tab.press('Enter');
    await tab.seeText('sought-2', 'h1');
    for (const [text, group, name, shows] of [
      ['create_inst machine', 'Machines', 'create_instance', 'create_instance'],
      ['greet types', 'Types', 'greet', 'Jobs'],
      ['workers page', 'Pages', 'Workers', 'Workers'],
      [system.fleet.workers[0]?.name ?? '', 'Workers', system.fleet.workers[0]?.name ?? '', 'Worker '],
      ['pause', 'Actions', 'Pause jobs', 'Overview'],
    ] as const) {
      await seek(text, group, name);
      await tab.press('Enter');
      await tab.seeText(shows, 'h1');
    }
    await tab.see('dialog input[name=minutes]');
  });
});

describe('the dead letters', () => {
  it('show why each failed, and run one again', async () => {
    const { queue } = system.fleet;
    await queue.addJob('broken', {}, 'normal', { id: 'dead-1', maxAttempts: 1 });
    await system.fleet.waitForJob('dead-1', 'exhausted');
    await using tab = await open('/dead-letters?type=broken');
    await tab.seeText('the printer is out of <b>paper</b>', '.data.jobs .error-text');
    await tab.page.$eval('.data.jobs tbody input', (box) => (box as HTMLElement).click());
    await tab.click('Retry', '.bulk');
    await tab.click('Retry 1 job', 'dialog');
    await tab.seeText('taken back into the queue', '.toasts');
    const isAgain = async () => {
      const job = await queue.getJob('dead-1');
      return job?.redrives === 1 && job.status === 'failed';
    };
    await eventually(isAgain, 'the job runs again, and fails again');
  });

  it('run all again', async () => {
    const { queue } = system.fleet;
    for (const number of [1, 2, 3])
      await queue.addJob('broken', {}, 'normal', { id: `all-${number}`, maxAttempts: 1 });
    for (const number of [1, 2, 3]) await system.fleet.waitForJob(`all-${number}`, 'exhausted');
    await using tab = await open('/dead-letters?type=broken');
    await tab.click('Retry all of broken');
    await tab.click('Retry 4 jobs', 'dialog');
    await tab.seeText('taken back into the queue', '.toasts');
    for (const number of [1, 2, 3]) {
      await eventually(async () => (await queue.getJob(`all-${number}`))?.redrives === 1, 'all run again');
    }
  });
});

describe('the causes of dead letters', () => {
  const CAUSE = 'JETFLEET_HANDLER_FAILED';

  it('run those again that the filter shows, and no others of the cause', async () => {
    const { queue } = system.fleet;
    for (const tenant of ['acme', 'other']) {
      const id = `cause-${tenant}`;
      await queue.addJob('broken', {}, 'normal', { id, maxAttempts: 1, tags: [`tenant:${tenant}`] });
      await system.fleet.waitForJob(id, 'exhausted');
    }
    await using tab = await open('/dead-letters?range=1h&tag=tenant:acme');
    await tab.click(CAUSE, '.data');
    await tab.until(() => /range=1h&tag=.*acme&cause=\w{10}$/.test(window.location.search));
    await tab.click(`Retry 1 job with ${CAUSE}`);
    await tab.click('Retry 1 job', 'dialog');
    await tab.seeText('taken back into the queue', '.toasts');
    await eventually(async () => (await queue.getJob('cause-acme'))?.redrives === 1, 'the job runs again');
    expect((await queue.getJob('cause-other'))?.redrives).toBeUndefined();
    await tab.goto('/dead-letters?priority=normal');
    await tab.seeText('cause-other', '.data.jobs');
    // They are not counted by priority, and would be those of each.
    expect(await tab.text('#content')).not.toContain('Causes');
  });

  it('are counted now and then, also for a time up to now', async () => {
    await using tab = await open('/dead-letters?range=1h&type=broken');
    await tab.seeText(CAUSE, '.data');
    // Until the server has counted all, the page asks each second.
    await tab.until(() => !document.querySelector('#content')?.textContent?.includes('so far'));
    const again = tab.page.waitForRequest((request) => request.url().includes('/dead-letters/causes'), {
      timeout: 1_000,
    });
    await expect(again).rejects.toThrow();
  });
});

it('runs again those dead letters alone that the filter shows', async () => {
  const { queue } = system.fleet;
  for (const priority of ['low', 'critical'] as const) {
    await queue.addJob('broken', {}, priority, { id: `only-${priority}`, maxAttempts: 1 });
    await system.fleet.waitForJob(`only-${priority}`, 'exhausted');
  }
  await using tab = await open('/dead-letters?type=broken&priority=critical');
  await tab.click('Retry all that match');
  await tab.click('Retry 1 job', 'dialog');
  await tab.seeText('taken back into the queue', '.toasts');
  await eventually(async () => (await queue.getJob('only-critical'))?.redrives === 1, 'the job runs again');
  expect((await queue.getJob('only-low'))?.redrives).toBeUndefined();
});

it('shows what jobs carry as text and never as markup', async () => {
  const attack = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';
  const { queue } = system.fleet;
  await queue.addJob('greet', { [attack]: attack }, 'normal', { id: 'attack-1' });
  await system.fleet.waitForJob('attack-1', 'completed');
  await using tab = await open('/jobs/attack-1');
  await tab.seeText('onerror', '.json');
  const inserted = await tab.page.$$eval('.json img, .json script', (found) => found.length);
  expect(inserted).toBe(0);
  expect(await tab.page.title()).toBe('attack-1 · Jetfleet');
});
