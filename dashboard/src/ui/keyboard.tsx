import { useEffect } from 'preact/hooks';
import { navigate } from '../router.js';
import { Dialog } from './dialog.js';
import { PAGES, usePages } from './pages.js';
import { openPalette } from './palette-key.js';
import { moveRow, toggleRow } from './rows.js';
import { SEARCH_ID } from './search-box.js';

/** How long after `g` the letter of a page counts. */
const CHORD_MS = 1_500;

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && target.matches('input, textarea, select, [contenteditable]');
}

/** The shortcuts that work on every page, unless somebody types or a dialog is open. */
export function useShortcuts(onHelp: () => void): void {
  useEffect(() => {
    let chordUntil = 0;
    const onKey = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key === 'k' && !event.altKey) {
        event.preventDefault();
        if (!document.querySelector('dialog[open]')) openPalette();
        return;
      }
      if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (isTyping(event.target) || document.querySelector('dialog[open]')) return;
      const page =
        performance.now() < chordUntil ? PAGES.find(([, , , key]) => key === event.key) : undefined;
      chordUntil = event.key === 'g' ? performance.now() + CHORD_MS : 0;
      if (page) navigate(page[0]);
      else if (event.key === '/') document.getElementById(SEARCH_ID)?.focus();
      else if (event.key === '?') onHelp();
      else if (event.key === 'j') moveRow(1);
      else if (event.key === 'k') moveRow(-1);
      else if (event.key === 'x') toggleRow();
      else return;
      event.preventDefault();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}

export function KeyboardHelp({ onClose }: { onClose(): void }) {
  const pages = usePages();
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl class="dialog-body keys">
        <Keys keys={['/']} what="Find a job" />
        <Keys keys={['Ctrl', 'k']} what="Find anything, or do something" />
        <Keys keys={['j', 'k']} what="The next row of a list, and the one before" />
        <Keys keys={['Enter']} what="Open the row" />
        <Keys keys={['x']} what="Select the row" />
        {pages.map(([, name, , key]) => (
          <Keys key={key} keys={['g', key]} what={name} />
        ))}
        <Keys keys={['Shift', 'click']} what="Select all rows in between" />
        <Keys keys={['Space']} what="Play or pause a job's replay" />
        <Keys keys={['←', '→']} what="Step through a job's replay" />
        <Keys keys={['?']} what="This help" />
        <Keys keys={['Esc']} what="Close" />
      </dl>
    </Dialog>
  );
}

function Keys({ keys, what }: { keys: string[]; what: string }) {
  return (
    <div>
      <dt>
        {keys.map((key) => (
          <kbd key={key}>{key}</kbd>
        ))}
      </dt>
      <dd>{what}</dd>
    </div>
  );
}
