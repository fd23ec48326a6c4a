/** Stands in for the commands of a snippet: `npx jetfleet ...`, `nats req <subject> <body>`, `curl ...`. */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { connect } from '@nats-io/transport-node';

const [tool, ...args] = process.argv.slice(2);
const tools = {
  npx([name, ...rest]) {
    if (name !== 'jetfleet') throw new Error(`npx ${name} is not ours`);
    process.exitCode = spawnSync(process.execPath, ['bin/jetfleet.js', ...rest], { stdio: 'inherit' }).status;
  },
  async nats([verb, subject, body]) {
    if (verb !== 'req') throw new Error(`nats ${verb} is not known here`);
    const connection = await connect({ servers: process.env.NATS_URL });
    process.stdout.write(`${(await connection.request(subject, body)).string()}\n`);
    await connection.close();
  },
  async curl(words) {
    const options = {
      data: { type: 'string', short: 'd' },
      header: { type: 'string', short: 'H', multiple: true },
    };
    const { values, positionals } = parseArgs({ args: words, options, allowPositionals: true });
    const headers = (values.header ?? []).map((line) => line.split(/: */, 2));
    const answer = await fetch(positionals[0], { method: 'POST', headers, body: values.data });
    process.stdout.write(`${answer.status} ${await answer.text()}\n`);
  },
};
await tools[tool](args);
