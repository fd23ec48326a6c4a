import { useState } from 'preact/hooks';
import { Icon } from './icons.js';
import { say } from './toasts.js';

/** Copies text; the clipboard API is missing on plain http, where the older way still works. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    area.className = 'off-screen';
    document.body.append(area);
    area.select();
    const isCopied = document.execCommand('copy');
    area.remove();
    return isCopied;
  }
}

export function CopyButton({ text, what }: { text: string | (() => string); what: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    const worked = await copyText(typeof text === 'string' ? text : text());
    if (!worked) return say('The browser does not let this page copy; select the text instead.', 'bad');
    setCopied(true);
    setTimeout(() => setCopied(false), 1_500);
  };
  return (
    <button
      type="button"
      class="ghost square"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={copy}
    >
      <Icon name={isCopied ? 'check' : 'copy'} />
    </button>
  );
}
