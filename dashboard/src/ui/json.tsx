import { useState } from 'preact/hooks';
import { CopyButton } from './copy.js';

/** Longer lists show this many at first, so that a large payload does not hold up the page. */
const PAGE = 100;
const OPEN_DEPTH = 2;

/** A value as JSON whose objects fold; always text, whatever it holds. */
export function JsonView({ value, depth = 0 }: { value: unknown; depth?: number }) {
  if (typeof value !== 'object' || value === null) return <Scalar value={value} />;
  return <Folding value={value} depth={depth} />;
}

function Scalar({ value }: { value: unknown }) {
  const kind = value === null ? 'null' : typeof value;
  return <span class={`json-${kind}`}>{value === undefined ? 'undefined' : JSON.stringify(value)}</span>;
}

function Folding({ value, depth }: { value: object; depth: number }) {
  const [isOpen, setOpen] = useState(depth < OPEN_DEPTH);
  const [limit, setLimit] = useState(PAGE);
  const isList = Array.isArray(value);
  const entries = Object.entries(value);
  const [before, after] = isList ? '[]' : '{}';
  if (entries.length === 0) return <span class="json-null">{`${before}${after}`}</span>;
  return (
    <details class="json-fold" open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        {isOpen ? before : `${before} ${entries.length} ${isList ? 'items' : 'fields'} ${after}`}
      </summary>
      {isOpen && (
        <ul>
          {entries.slice(0, limit).map(([name, item]) => (
            <li key={name}>
              {!isList && <span class="json-key">{name}: </span>}
              <JsonView value={item} depth={depth + 1} />
            </li>
          ))}
          {entries.length > limit && (
            <li>
              <button type="button" class="link" onClick={() => setLimit(limit + 10 * PAGE)}>
                {entries.length - limit} more
              </button>
            </li>
          )}
        </ul>
      )}
      {isOpen && after}
    </details>
  );
}

interface JsonPanelProps {
  title: string;
  value: unknown;
  isOpen?: boolean;
}

/** A titled JSON value that folds away, with a button that copies all of it. */
export function JsonPanel({ title, value, isOpen = true }: JsonPanelProps) {
  return (
    <div class="panel json-panel">
      <details open={isOpen}>
        <summary>
          <h2>{title}</h2>
        </summary>
        <div class="json">
          <JsonView value={value} />
        </div>
      </details>
      <CopyButton text={() => JSON.stringify(value, null, 2)} what={title.toLowerCase()} />
    </div>
  );
}
