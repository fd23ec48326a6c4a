/** A chart in words. */
import type { Chart, ChartState } from '../inspect/index.js';
import { paint, table } from './output.js';

/** Text of a stranger's machine without what would steer a terminal. */
export function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '�');
}

/** The states, children under their parents, and every way from one to another. */
export function chartText(chart: Chart): string {
  const { id, version, description, states, edges } = chart;
  const title = [paint('bold', plain(id)), version && `version ${plain(version)}`].filter(Boolean).join(' ');
  const rows = states.map((state) => [
    `${'  '.repeat(depthOf(state, states))}${state.isInitial ? '> ' : '  '}${plain(state.key)}`,
    state.kind === 'atomic' ? '' : plain(state.kind),
    state.invokes.map(plain).join(', '),
    plain(state.description),
  ]);
  const ways = edges.map(({ from, to, label, guard, actions }) => [
    plain(from) || '(any state)',
    plain(label) || '(at once)',
    guard === undefined ? '' : `[${plain(guard)}]`,
    plain(to) || '(stays)',
    actions.map(plain).join(', '),
  ]);
  return [
    `${title}${description ? `: ${plain(description)}` : ''}`,
    table([['STATE', 'KIND', 'INVOKES', 'WHAT IT MEANS'], ...rows]),
    table([['FROM', 'EVENT', 'IF', 'TO', 'ACTIONS'], ...ways]),
    paint(
      'dim',
      '> is where it begins. Of several ways for one event, the first whose condition holds is taken.',
    ),
  ].join('\n\n');
}

function depthOf({ parent }: ChartState, states: readonly ChartState[]): number {
  const around = states.find(({ id }) => id === parent);
  return around ? depthOf(around, states) + 1 : 0;
}
