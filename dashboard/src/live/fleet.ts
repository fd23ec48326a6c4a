import { useEffect } from 'preact/hooks';
import type { FleetMachine, FleetPicture } from '../api/answers.js';
import { createStore, useStore } from '../store.js';
import { follow } from './follow.js';

const picture = createStore<FleetPicture | undefined>(undefined);
let watchers = 0;
let stop: (() => void) | undefined;

/** The machines of the fleet, each second, while somebody on this page looks at them. */
export function useFleet(): FleetPicture | undefined {
  useEffect(() => {
    if (watchers++ === 0) {
      stop = follow('/fleet', {
        onEvent: ({ event, data }) => event === 'fleet' && picture.set(JSON.parse(data) as FleetPicture),
      });
    }
    return () => {
      if (--watchers > 0) return;
      stop?.();
      picture.set(undefined);
    };
  }, []);
  return useStore(picture);
}

export function useFleetMachine(id: string): FleetMachine | undefined {
  return useFleet()?.machines.find((each) => each.id === id);
}
