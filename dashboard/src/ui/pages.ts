import type { IconName } from './icons.js';

/** The pages of the menu, each with the key that leads there after `g`. */
export const PAGES: readonly [path: string, label: string, icon: IconName, key: string][] = [
  ['/', 'Overview', 'overview', 'o'],
  ['/jobs', 'Jobs', 'jobs', 'j'],
  ['/schedules', 'Schedules', 'schedules', 's'],
  ['/limits', 'Limits', 'limits', 'l'],
  ['/machines', 'Machines', 'machines', 'm'],
  ['/workers', 'Workers', 'workers', 'w'],
  ['/webhooks', 'Webhooks', 'webhooks', 'h'],
  ['/dead-letters', 'Dead letters', 'dead', 'd'],
  ['/api', 'API', 'api', 'a'],
];
