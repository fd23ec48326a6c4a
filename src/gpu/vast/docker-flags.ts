import type { Template } from '../provider.js';

type Published = Template['ports'][number] & { spec: string };

/** Environment and ports in the form of Docker's flags: `-e MODEL=x -p 8000:8000`, with the quotes of a shell. */
export function parseDockerFlags(flags: string): Pick<Template, 'envs' | 'ports'> {
  const { envs, published } = read(flags);
  return { envs, ports: published.map(({ port, protocol }) => ({ port, protocol })) };
}

/**
 * The same as the object that a create takes: `{"MODEL": "x", "-p 8000:8000": "1"}`. A port that `flags` publish is published in
 * the same way, any other under its own number.
 */
export function toEnvObject(
  { envs, ports }: Pick<Template, 'envs' | 'ports'>,
  flags = '',
): Record<string, string> {
  const rest = read(flags).published;
  const published = ports.map(({ port, protocol }) => {
    const at = rest.findIndex((each) => each.port === port && each.protocol === protocol);
    const own = `${port}:${port}${protocol === 'udp' ? '/udp' : ''}`;
    const [{ spec } = { spec: own }] = at < 0 ? [] : rest.splice(at, 1);
    return [`-p ${spec}`, '1'] as const;
  });
  return Object.fromEntries([...envs.map(({ key, value }) => [key, value] as const), ...published]);
}

/** A short flag may have its value attached, a long one after `=`; another flag may begin with the same letters. */
const FLAG = /^(?:(?<short>-[ep])=?(?<attached>.*)|(?<long>--env|--publish)(?:=(?<given>.*))?)$/s;

function read(flags: string): { envs: Template['envs']; published: Published[] } {
  const envs: Template['envs'] = [];
  const published: Published[] = [];
  const words = wordsOf(flags);
  for (let at = 0; at < words.length; at += 1) {
    const found = FLAG.exec(words[at] as string)?.groups;
    if (!found) continue;
    const { short, attached, long, given } = found;
    const spec = attached || given || (words[++at] ?? '');
    if (short === '-p' || long === '--publish') {
      const [port = '', protocol = 'tcp'] = (spec.split(':').at(-1) ?? '').split('/');
      if (/^\d+$/.test(port)) published.push({ port: Number(port), protocol, spec });
      continue;
    }
    const [key = '', ...value] = spec.split('=');
    if (key) envs.push({ key, value: value.join('=') });
  }
  return { envs, published };
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
