import { expect, it } from 'vitest';
import { startHttpServer } from '../../src/http/index.js';
import { startNats } from '../support/nats.js';
import { DashboardPage } from './dashboard-page.js';
import { startLiveSystem } from './live-system.js';

it('says so while the broker is gone, and goes on when it is back', async () => {
  await using nats = await startNats();
  await using system = await startLiveSystem({}, { nats });
  await using tab = await DashboardPage.open(system.http.url, '/', { expectedStatuses: [503] });
  await tab.see('.live.open');
  nats.kill('SIGKILL');
  await nats.exited;
  await tab.seeText('The server has lost its broker', '.banner');
  expect(await tab.text('h1')).toBe('Overview');
  await nats.restart();
  await tab.seeNoMore('.banner');
  await system.fleet.queue.addJob('greet', {}, 'normal', { id: 'after-1' });
  await tab.seeText('1', '.tile.completed');
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
