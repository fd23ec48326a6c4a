import type { Role } from '../api/answers.js';
import { useMay } from '../api/session.js';
import type { IconName } from './icons.js';

/** The pages of the menu, each with the key that leads there after `g`, and the least role that sees it. */
export const PAGES: readonly [path: string, label: string, icon: IconName, key: string, role?: Role][] = [
  ['/', 'Overview', 'overview', 'o'],
  ['/jobs', 'Jobs', 'jobs', 'j'],
  ['/history', 'History', 'history', 'y'],
  ['/schedules', 'Schedules', 'schedules', 's'],
  ['/limits', 'Limits', 'limits', 'l'],
  ['/money', 'Money', 'money', 'c'],
  ['/machines', 'Machines', 'machines', 'm'],
  ['/workers', 'Workers', 'workers', 'w'],
  ['/webhooks', 'Webhooks', 'webhooks', 'h'],
  ['/endpoints', 'Endpoints', 'endpoints', 'e'],
  ['/dead-letters', 'Dead letters', 'dead', 'd'],
  ['/audit', 'Audit trail', 'audit', 't', 'operator'],
  ['/api', 'API', 'api', 'a'],
];

/** Those that our role may look at. */
export function usePages(): typeof PAGES {
  const isOperator = useMay('operator');
  return PAGES.filter(([, , , , role]) => role === undefined || isOperator);
}
