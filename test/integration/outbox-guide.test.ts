/** The code of the guide, and the commands, run to their effect. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { cli, killAtTheEnd, startCli } from '../support/cli.js';
import { startNats } from '../support/nats.js';
import { connectTo, type PostgresServer, startPostgres } from '../support/postgres.js';
import { asFile, printed, runFile, snippetsOf } from '../support/snippets.js';

let nats: EmbeddedServer;
let postgres: PostgresServer;
let env: Record<string, string>;
beforeAll(async () => {
  [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  env = { NATS_URL: nats.url, DATABASE_URL: postgres.url };
});
afterAll(async () => {
  await Promise.all([nats.stop(), postgres[Symbol.asyncDispose]()]);
});

const run = async (args: string, code = 0) => {
  const result = await cli(args.split(' '), { env });
  expect(result, result.stderr).toMatchObject({ code });
  return result;
};

test('every snippet of the guide does what is said of it', async () => {
  const [begin = '', add = '', sql = '', relay = '', after = '', ...more] = snippetsOf(
    'docs/guides/outbox.md',
  ).map(({ code }) => code);
  expect(more).toEqual([]);
  const commands = [...`${begin}${after}`.matchAll(/^npx jetfleet ([^#\n]+?) *(#.*)?$/gm)].map(
    ([, args]) => args,
  );
  expect(commands).toEqual(['outbox setup', 'outbox relay', 'outbox status', 'outbox retry --all']);

  const client = await connectTo(postgres.url);
  await client.query('CREATE TABLE orders (id int)');
  await run('outbox setup');
  const [fromCode = ''] = await printed(add, env);
  const fromSql = String((await client.query(sql)).rows[0]?.id);
  expect((await run('outbox status')).stdout).toMatch(
    /^waiting +2, the oldest for [\d.]+ s\nrelays +0\nset aside +0\n.*No relay runs/,
  );

  await using queue = new JobQueueService({ servers: nats.url });
  const own = runFile(await asFile(relay), [], env);
  await expect
    .poll(() => queue.getJob(fromSql))
    .toMatchObject({ type: 'send_receipt', payload: { order: 42 } });
  expect(await queue.getJob(fromCode)).toMatchObject({ priority: 'high', payload: { order: 42 } });
  await vi.waitFor(async () =>
    expect((await run('outbox status')).stdout).toMatch(/^waiting +0\nrelays +1\n/),
  );
  own.child.kill('SIGTERM');
  expect(await own.ended).toBe(0);
  expect(own.lines.join(' ')).toMatch(/published: 2,/);
});

test('the relay of the command line publishes, sets aside, and ends by SIGTERM', async () => {
  const table = 'by_command';
  await run(`outbox setup --table ${table} --no-notify`);
  const client = await connectTo(postgres.url);
  await client.query(
    `INSERT INTO ${table} (type, payload, options) VALUES ('a', '1', NULL), ('b', '2', '{"retries": 1}')`,
  );
  const relay = killAtTheEnd(startCli(['outbox', 'relay', '--table', table, '--fallback', '200ms'], env));
  await relay.until('stderr', /"seq":"2".*set aside/);
  const { setAside, setAsideRows, notifies } = JSON.parse(
    (await run(`outbox status --table ${table} --json`)).stdout,
  );
  expect({ setAside, notifies }).toEqual({ setAside: 1, notifies: false });
  expect(setAsideRows).toMatchObject([{ seq: '2', type: 'b', code: 'JETFLEET_OPTION_INVALID' }]);
  expect((await run(`outbox status --table ${table}`)).stdout).toMatch(/2 .* b .*JETFLEET_OPTION_INVALID/);
  await client.query(`UPDATE ${table} SET options = NULL`);
  expect((await run(`outbox retry 2 --table ${table}`)).stdout).toBe('1 rows are published again\n');
  await expect.poll(async () => (await client.query(`SELECT FROM ${table}`)).rows.length).toBe(0);
  relay.child.kill('SIGTERM');
  expect(await relay.ended).toMatchObject({
    code: 0,
    stderr: expect.stringMatching(/"published":2,.*"setAside":1/),
  });
});

test('wrong calls of the commands end with their exit codes', async () => {
  expect((await run('outbox status --table Wrong', 2)).stderr).toContain(
    '"Wrong" must be table or schema.table',
  );
  expect((await run('outbox status --table nothing', 3)).stderr).toContain('JETFLEET_OUTBOX_TABLE');
  expect((await run('outbox status --database-url postgres://127.0.0.1:1/x', 69)).stderr).toContain(
    'JETFLEET_OUTBOX_UNREACHABLE',
  );
  await run('outbox retry', 2);
  await run('outbox retry x', 2);
  expect((await run('outbox setup --table app_out --print')).stdout).toMatch(
    /^CREATE TABLE IF NOT EXISTS "app_out"/,
  );
});
