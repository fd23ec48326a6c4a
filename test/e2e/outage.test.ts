import { expect, it } from 'vitest';
import { startHttpServer } from '../../src/http/index.js';
import { startNats } from '../support/nats.js';
import { DashboardPage } from './dashboard-page.js';
import { startLiveSystem } from './live-system.js';

it('says so while the broker is gone, and goes on when it is back', async () => {
  await using nats = await startNats();
  await using system = await startLiveSystem({}, { nats });
  await system.fleet.queue.addJob('greet', {}, 'normal', { id: 'kept-1' });
  await system.fleet.waitForJob('kept-1', 'completed');
  await using tab = await DashboardPage.open(system.http.url, '/jobs', { expectedStatuses: [503] });
  await tab.seeText('completed', '.data.jobs');
  await tab.click('Overview', '#menu');
  await tab.see('.tile.completed');
  await tab.see('.live.open');
  nats.kill('SIGKILL');
  await nats.exited;
  await tab.seeText('The server has lost its broker', '.banner');
  await tab.seeText('no broker', '.live.lost');
  expect(await tab.text('h1')).toBe('Overview');
  await tab.see('.tile.completed');
  await tab.seeText('As it was', '.age');
  // What was looked at before is still there, and a machine that nobody can be asked for is not missing.
  await tab.click('Jobs', '#menu');
  await tab.seeText('kept-1', '.data.jobs');
  await tab.seeText('As it was', '.age');
  await tab.click('kept-1', '.data.jobs');
  await tab.page.goBack();
  await tab.seeText('kept-1', '.data.jobs');
  await tab.goto('/machines/of-some-worker');
  await tab.seeText('the broker is away');
  await tab.goto('/');
  await nats.restart();
  await tab.seeNoMore('.banner');
  await system.fleet.queue.addJob('greet', {}, 'normal', { id: 'after-1' });
  await tab.seeText('2', '.tile.completed');
});

it('opens while the broker is gone, with counts that the server never read', async () => {
  await using nats = await startNats();
  await using system = await startLiveSystem({}, { nats });
  nats.kill('SIGKILL');
  await nats.exited;
  const http = await startHttpServer(system.fleet.queue, { port: 0, tokens: [] });
  try {
    await using tab = await DashboardPage.open(http.url, '/', { expectedStatuses: [503] });
    await tab.seeText('The server has lost its broker', '.banner');
    await tab.goto('/jobs');
    await tab.seeText('The server has lost its broker', '.banner');
    await nats.restart();
    await tab.seeNoMore('.banner');
    await tab.goto('/');
    await tab.seeText('0', '.tile.completed');
  } finally {
    await http.close();
  }
});
