import { useEffect, useState } from 'preact/hooks';
import { clock } from './clock.js';
import { formatAbsolute, formatRelative } from './format.js';

/** A time as people say it, with the exact one on hover; it renders again only when its words change. */
export function Time({ at }: { at: string | undefined }) {
  const ms = at === undefined ? Number.NaN : Date.parse(at);
  const words = () => formatRelative(ms, clock.get());
  const [text, setText] = useState(words);
  useEffect(() => {
    setText(words);
    return clock.subscribe(() => setText(words));
  }, [ms]);
  if (Number.isNaN(ms)) return <span class="quiet">–</span>;
  return (
    <time dateTime={at} title={formatAbsolute(ms)}>
      {text}
    </time>
  );
}
