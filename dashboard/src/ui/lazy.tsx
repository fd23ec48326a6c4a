import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { say } from './toasts.js';

/** A component that is loaded when it is first shown. Nothing stands in its place until then. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  let loaded: ComponentType<Props> | undefined;
  return function Lazy(props: Props) {
    const [Part, setPart] = useState(() => loaded);
    useEffect(() => {
      if (Part) return;
      load().then(
        (part) => {
          loaded = part;
          setPart(() => part);
        },
        // A server that was updated has other files.
        () => say('A part of the page could not be loaded; reload the page.', 'bad'),
      );
    }, []);
    return Part ? <Part {...props} /> : null;
  };
}
