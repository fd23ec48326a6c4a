import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { counted } from '../../src/cli/confirm.js';
import { fitTo, paint, table, WHOLE } from '../../src/cli/output.js';
import { showProgress } from '../../src/cli/progress.js';

const ROWS = [
  ['ID', 'JOBS', 'ERROR'],
  ['order-42-monitor', 12_345, 'the provider has no room in 東京 for it'],
  ['b', 1, '\u001b[31mshort\u001b[39m'],
] as const;
const widths = (text: string) => text.split('\n').map((line) => [...line].length);

test('a table is as wide as its cells where it is not cut', () => {
  expect(table(ROWS, WHOLE).split('\n')).toEqual([
    'ID                 JOBS  ERROR',
    'order-42-monitor  12345  the provider has no room in 東京 for it',
    'b                     1  \u001b[31mshort\u001b[39m',
  ]);
});

test('a table that is too wide loses from its longest text, and from what names a row only in the end', () => {
  expect(table(ROWS, 50).split('\n')).toEqual([
    'ID                 JOBS  ERROR',
    'order-42-monitor  12345  the provider has no room…',
    'b                     1  \u001b[31mshort\u001b[39m',
  ]);
  expect(table(ROWS, 28).split('\n')[1]).toBe('order-42-m…  12345  the pro…');
  expect(Math.max(...widths(table(ROWS.slice(0, 2), 15)))).toBe(15);
});

test.for([
  ['plain', 5, 'plain'],
  ['plainer', 5, 'plai…'],
  ['東京東京', 5, '東京…'],
  ['\u001b[31mred is cut\u001b[39m', 5, '\u001b[31mred …\u001b[39m'],
  ['some \u001b[31mred\u001b[39m is lost', 7, 'some r…'],
  ['👩‍👩‍👧‍👦 family', 4, '👩‍👩‍👧‍👦 …'],
] as const)('%j fits into %d columns as %j', ([text, width, fitting]) => {
  expect(fitTo(text, width)).toBe(fitting);
});

/** A stream that keeps what is written. */
function fakeStream(isTTY: boolean): NodeJS.WriteStream & { written: string[] } {
  const written: string[] = [];
  const stream = new PassThrough();
  const write = (text: string) => written.push(text);
  return Object.assign(stream, { isTTY, getColorDepth: () => 24, written, write }) as never;
}

test.for([
  { env: {}, isTTY: true, isColoured: true },
  { env: {}, isTTY: false, isColoured: false },
  { env: { FORCE_COLOR: '1' }, isTTY: false, isColoured: true },
  { env: { FORCE_COLOR: '0' }, isTTY: true, isColoured: false },
])('colours with $env, on a terminal: $isTTY', ({ env, isTTY, isColoured }) => {
  for (const name of ['FORCE_COLOR', 'NO_COLOR', 'NODE_DISABLE_COLORS']) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  const stream = fakeStream(isTTY);
  expect(paint('red', 'x', stream)).toBe(isColoured ? '\u001b[31mx\u001b[39m' : 'x');
});

beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** A thousand things, one every 10 ms. */
async function work(onProgress: (done: number) => void): Promise<string> {
  for (let done = 1; done <= 1_000; done++) {
    vi.advanceTimersByTime(10);
    onProgress(done);
  }
  return 'done';
}

test('progress is one line on a terminal, which goes in the end', async () => {
  vi.stubEnv('TERM', 'xterm');
  const stream = fakeStream(true);
  expect(await showProgress('jobs removed', {}, work, stream)).toBe('done');
  expect(stream.written[0]).toBe('\r50 jobs removed so far\u001b[K');
  expect(stream.written.at(-2)).toBe('\r1,000 jobs removed so far\u001b[K');
  expect(stream.written.at(-1)).toBe('\r\u001b[K');
  expect(stream.written).toHaveLength(97);
});

test('what is short shows no progress, and neither does a pipe unless it is asked for', async () => {
  vi.stubEnv('TERM', 'xterm');
  const [terminal, pipe] = [fakeStream(true), fakeStream(false)];
  await showProgress('jobs removed', {}, async (onProgress) => onProgress(1), terminal);
  await showProgress('jobs removed', {}, work, pipe);
  expect([...terminal.written, ...pipe.written]).toEqual([]);
  await showProgress('jobs removed', { progress: true }, work, pipe);
  expect(pipe.written).toEqual(
    [200, 400, 600, 800, 1_000].map((n) => `${n.toLocaleString('en')} jobs removed so far\n`),
  );
});

test('the line of progress goes also when the work fails', async () => {
  vi.stubEnv('TERM', 'xterm');
  const stream = fakeStream(true);
  const failing = async (onProgress: (done: number) => void) => {
    await work(onProgress);
    throw new Error('no broker');
  };
  await expect(showProgress('jobs removed', {}, failing, stream)).rejects.toThrow('no broker');
  expect(stream.written.at(-1)).toBe('\r\u001b[K');
});

test('counts read as numbers do', () => {
  expect([counted(0, 'job'), counted(1, 'job'), counted(1_200, 'job')]).toEqual([
    '0 jobs',
    '1 job',
    '1,200 jobs',
  ]);
});
