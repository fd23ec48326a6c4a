import type { Template } from '../provider.js';

/** Environment and ports in the form of Docker's flags: `-e MODEL=x -p 8000:8000`, with the quotes of a shell. */
export function parseDockerFlags(flags: string): Pick<Template, 'envs' | 'ports'> {
  const envs: Template['envs'] = [];
  const ports: Template['ports'] = [];
  const words = wordsOf(flags);
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as string;
    const flag = word.match(/^(-e|--env|-p|--publish)(?:=?(.*))?$/s);
    if (!flag) continue;
    const value = flag[2] || (words[++at] ?? '');
    if (flag[1] === '-p' || flag[1] === '--publish') {
      const [port = '', protocol = 'tcp'] = (value.split(':').at(-1) ?? '').split('/');
      if (/^\d+$/.test(port)) ports.push({ port: Number(port), protocol });
      continue;
    }
    const [key = '', ...rest] = value.split('=');
    if (key) envs.push({ key, value: rest.join('=') });
  }
  return { envs, ports };
}

/** The same as the object that a create takes: `{"MODEL": "x", "-p 8000:8000": "1"}`. */
export function toEnvObject({ envs, ports }: Pick<Template, 'envs' | 'ports'>): Record<string, string> {
  const published = ports.map(({ port, protocol }) => {
    const suffix = protocol === 'udp' ? '/udp' : '';
    return [`-p ${port}:${port}${suffix}`, '1'] as const;
  });
  return Object.fromEntries([...envs.map(({ key, value }) => [key, value] as const), ...published]);
}

/** Words as a POSIX shell splits them, without expansions. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    if (quote) {
      if (char === quote) quote = '';
      else if (char === '\\' && quote === '"' && /["\\$`]/.test(text[at + 1] ?? '')) word += text[++at] ?? '';
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\') word = (word ?? '') + (text[++at] ?? '');
    else if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = (word ?? '') + char;
  }
  return word === undefined ? words : [...words, word];
}
