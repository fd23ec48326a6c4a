/** A step of a state machine in words. */
import type { InspectionRecord } from '../wire/inspection.js';

type Told = Pick<InspectionRecord, 'kind' | 'event' | 'edges' | 'active' | 'status' | 'sentBy'>;

export function stepText({ kind, event, edges = [], active = [], status, sentBy }: Told): string {
  switch (kind) {
    case 'actor':
      return 'is made';
    case 'event':
      return `hears ${event}${sentBy === undefined ? '' : ` from ${sentBy}`}`;
    case 'transition': {
      const guards = edges.flatMap(({ guard }) => (guard === undefined ? [] : [`[${guard}]`]));
      return [event, ...guards, '->', active.join(', ')].filter(Boolean).join(' ');
    }
    case 'snapshot':
      return active.length > 0 ? `stands in ${active.join(', ')}` : 'runs';
    case 'done':
      return `ends: ${status}`;
    default:
      return '';
  }
}
