import { useMemo, useState } from 'preact/hooks';
import { CopyButton } from './copy.js';
import { formatBytes } from './format.js';

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
  /** Defaults to whether it is small enough to be looked at. */
  isOpen?: boolean;
}

/** Larger values are folded, and can be searched. */
const LARGE_CHARACTERS = 2_048;
const MAX_FOUND = 50;

/** A titled JSON value that folds away, with a button that copies all of it; a large one can be searched. */
export function JsonPanel({ title, value, isOpen }: JsonPanelProps) {
  const text = useMemo(() => JSON.stringify(value) ?? '', [value]);
  const isLarge = text.length > LARGE_CHARACTERS;
  const [wanted, setWanted] = useState('');
  return (
    <div class="panel json-panel">
      <details open={isOpen ?? !isLarge}>
        <summary>
          <h2>{title}</h2>
          {isLarge && <span class="quiet">{formatBytes(text.length)}</span>}
        </summary>
        {isLarge && (
          <input
            type="search"
            placeholder="Find a name or a value"
            aria-label={`Find in ${title.toLowerCase()}`}
            value={wanted}
            onInput={({ currentTarget }) => setWanted(currentTarget.value)}
          />
        )}
        <div class="json">
          {wanted === '' ? <JsonView value={value} /> : <Found value={value} wanted={wanted} />}
        </div>
      </details>
      <CopyButton text={() => JSON.stringify(value, null, 2)} what={title.toLowerCase()} />
    </div>
  );
}

/** The paths whose name or value has a text in it. */
function Found({ value, wanted }: { value: unknown; wanted: string }) {
  const found = useMemo(() => pathsWith(value, wanted.toLowerCase()), [value, wanted]);
  if (found.length === 0) return <p class="quiet">Nothing like that is in it.</p>;
  return (
    <ul class="found">
      {found.map(([path, item]) => (
        <li key={path}>
          <span class="json-key">{path}: </span>
          <JsonView value={item} depth={OPEN_DEPTH} />
        </li>
      ))}
      {found.length === MAX_FOUND && <li class="quiet">and more</li>}
    </ul>
  );
}

function pathsWith(value: unknown, wanted: string): [path: string, value: unknown][] {
  const found: [string, unknown][] = [];
  const look = (item: unknown, path: string, name: string) => {
    if (found.length === MAX_FOUND) return;
    const isContainer = typeof item === 'object' && item !== null;
    const text = isContainer ? '' : String(item).toLowerCase();
    if (path !== '' && (name.toLowerCase().includes(wanted) || text.includes(wanted)))
      found.push([path, item]);
    else if (isContainer)
      for (const [key, inner] of Object.entries(item))
        look(inner, Array.isArray(item) ? `${path}[${key}]` : [path, key].filter(Boolean).join('.'), key);
  };
  look(value, '', '');
  return found;
}
