/** What the palette finds: pages, types, machines, workers and actions, by words that somebody types. */
import type { MachineSummary, Stats, WorkerInfo } from '../api/answers.js';
import { navigate } from '../router.js';
import type { PAGES } from '../ui/pages.js';
import { switchTheme } from '../ui/theme.js';

export interface Entry {
  group: 'Jobs' | 'Actions' | 'Pages' | 'Types' | 'Machines' | 'Workers';
  name: string;
  /** Said beside the name. */
  about?: string;
  run(): void;
}

export interface Known {
  stats: Stats | undefined;
  machines: readonly MachineSummary[];
  workers: readonly WorkerInfo[];
  pages: typeof PAGES;
  mayChange: boolean;
  mayAdmin: boolean;
  actions: PaletteActions;
}

export interface PaletteActions {
  help(): void;
  signOut: (() => void) | undefined;
}

/** Shown of each group. */
const MOST = 6;

export function entriesOf(known: Known): Entry[] {
  const { stats, machines, workers, pages } = known;
  const to = (path: string) => () => navigate(path);
  return [
    ...actionsOf(known),
    ...pages.map(([path, name]): Entry => ({ group: 'Pages', name, run: to(path) })),
    ...Object.entries(stats?.byType ?? {}).map(
      ([type, counts]): Entry => ({
        group: 'Types',
        name: type,
        about: `${counts.pending} pending, ${counts.processing} processing, ${counts.failed} failed`,
        run: to(`/jobs?${new URLSearchParams({ type })}`),
      }),
    ),
    ...machines.map(
      ({ id, states }): Entry => ({
        group: 'Machines',
        name: id,
        about: `${states} states`,
        run: to(`/machines/${encodeURIComponent(id)}`),
      }),
    ),
    ...workers.map(
      ({ name, state, host }): Entry => ({
        group: 'Workers',
        name,
        about: `${state} on ${host}`,
        run: to(`/workers?${new URLSearchParams({ name })}`),
      }),
    ),
  ];
}

function actionsOf({ mayChange, mayAdmin, actions }: Known): Entry[] {
  const action = (name: string, run: () => void): Entry => ({ group: 'Actions', name, run });
  return [
    ...(mayChange ? [action('Add a job', () => navigate('/jobs?add=1'))] : []),
    ...(mayAdmin ? [action('Pause jobs', () => navigate('/?pause=1'))] : []),
    action('Switch the theme', switchTheme),
    action('Keyboard shortcuts', actions.help),
    ...(actions.signOut ? [action('Sign out', actions.signOut)] : []),
  ];
}

/** Those that have every word, the ones that begin with the first word before others; so many of each group. */
export function found(entries: readonly Entry[], text: string): Entry[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const [first = ''] = words;
  const fits = entries.filter(({ name, group }) => {
    const all = `${name} ${group}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
  const begins = ({ name }: Entry) => (name.toLowerCase().startsWith(first) ? 0 : 1);
  const counts = new Map<string, number>();
  return [...fits]
    .sort((one, other) => begins(one) - begins(other))
    .filter(({ group }) => {
      const count = counts.get(group) ?? 0;
      counts.set(group, count + 1);
      return count < MOST;
    });
}
