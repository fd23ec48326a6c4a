/** Stands in for the commands of a snippet: `nats req <subject> <body>`, `curl ...`. */
import { parseArgs } from 'node:util';
import { connect, headers } from '@nats-io/transport-node';

const [tool, ...args] = process.argv.slice(2);
const tools = {
  async nats(words) {
    const options = { header: { type: 'string', short: 'H', multiple: true } };
    const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true });
    const [verb, subject, body] = positionals;
    if (verb !== 'req') throw new Error(`nats ${verb} is not known here`);
    const list = headers();
    for (const line of values.header ?? []) list.set(...line.split(/: *(.*)/, 2));
    const connection = await connect({ servers: process.env.NATS_URL });
    const answer = await connection.request(subject, body, { timeout: 5_000, headers: list });
    process.stdout.write(`${answer.string()}\n`);
    await connection.close();
  },
  async curl(words) {
    const options = {
      data: { type: 'string', short: 'd' },
      header: { type: 'string', short: 'H', multiple: true },
      fail: { type: 'boolean' },
    };
    const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true });
    const lines = (values.header ?? []).map((line) => line.split(/: */, 2));
    const answer = await fetch(positionals[0], {
      method: values.data === undefined ? 'GET' : 'POST',
      headers: lines,
      body: values.data,
    });
    if (values.fail && !answer.ok) process.exitCode = 22;
    process.stdout.write(`${answer.status} ${await answer.text()}\n`);
  },
};
await tools[tool](args);
