import type { AnyStateNode } from 'xstate';
import { jobMachine } from '../../machines/index.js';

/** Which leaf state the chart of a job leads to from which, read from the chart itself: `running -> completed`. */
export function chartEdges(): ReadonlySet<string> {
  const edges = new Set<string>();
  for (const leaf of leavesOf(jobMachine.root as AnyStateNode)) {
    for (let node: AnyStateNode | undefined = leaf; node; node = node.parent) {
      for (const transitions of node.transitions.values()) {
        for (const { target = [], internalTargets } of transitions.map(withTargets)) {
          for (const next of [...target, ...internalTargets])
            edges.add(`${leaf.key} -> ${firstLeaf(next).key}`);
        }
      }
    }
  }
  return edges;
}

/** A transition without a target stays where it is. */
function withTargets<T extends { target?: readonly AnyStateNode[]; source: AnyStateNode }>(transition: T) {
  return { ...transition, internalTargets: transition.target ? [] : [transition.source] };
}

function leavesOf(node: AnyStateNode): AnyStateNode[] {
  const children = Object.values(node.states);
  return children.length === 0 ? [node] : children.flatMap(leavesOf);
}

function firstLeaf(node: AnyStateNode): AnyStateNode {
  const initial = node.initial?.target?.[0];
  return initial ? firstLeaf(initial) : node;
}
