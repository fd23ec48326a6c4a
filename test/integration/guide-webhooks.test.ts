import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createWebhookClient,
  generateWebhookKeyPair,
  generateWebhookSecret,
  parseWebhookSecret,
  signWebhook,
} from '../../src/webhooks/index.js';
import { asFile, codeOf, printedByShell, runFile } from '../support/snippets.js';

const GUIDE = 'docs/guides/receiving-webhooks.md';
const BODY = JSON.stringify({ type: 'instance.running', data: { name: 'żółw 🐢' } });
const now = () => Math.floor(Date.now() / 1000);
const run = promisify(execFile);

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'jetfleet-receiver-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

/** What a receiver is shown: with which secret it is signed, when, and what became of its body on the way. */
interface Shown {
  secrets: string[];
  atS?: number;
  body?: string;
}

type Verifier = (secret: string, shown: Record<string, string>, body: string) => Promise<boolean>;

const ended = (program: Promise<unknown>) =>
  program.then(
    () => true,
    (error: { code?: number }) => {
      // Anything else is a fault of the snippet, and no verdict.
      if (error.code !== 3) throw error;
      return false;
    },
  );

const VERIFIERS: Record<string, { needs: string; prepare: () => Promise<Verifier> }> = {
  Python: {
    needs: 'python3',
    prepare: async () => {
      const file = join(await folder(), 'verify.py');
      const [code = ''] = codeOf(GUIDE, 'python');
      const driver = `
import json, os, sys
try:
    verify(json.loads(os.environ["HEADERS"]), os.environ["BODY"].encode(), os.environ["SECRET"])
except ValueError:
    sys.exit(3)
`;
      await writeFile(file, code + driver);
      return (secret, headers, body) => {
        const env = { ...process.env, HEADERS: JSON.stringify(headers), BODY: body, SECRET: secret };
        return ended(run('python3', [file], { env }));
      };
    },
  },
  Go: {
    needs: 'go',
    prepare: async () => {
      const path = await folder();
      const [code = ''] = codeOf(GUIDE, 'go');
      const driver = `
package main

import (
	"encoding/json"
	"net/http"
	"os"
)

func main() {
	var shown map[string]string
	if json.Unmarshal([]byte(os.Getenv("HEADERS")), &shown) != nil {
		os.Exit(4)
	}
	header := http.Header{}
	for name, value := range shown {
		header.Set(name, value)
	}
	if Verify(header, []byte(os.Getenv("BODY")), os.Getenv("SECRET")) != nil {
		os.Exit(3)
	}
}
`;
      await writeFile(join(path, 'verify.go'), code);
      await writeFile(join(path, 'main.go'), driver);
      const env = { ...process.env, HOME: path, GOFLAGS: '-mod=mod', GO111MODULE: 'off' };
      const built = join(path, 'verify');
      await run('go', ['build', '-o', built, join(path, 'verify.go'), join(path, 'main.go')], { env });
      return (secret, headers, body) => {
        const shown = { HEADERS: JSON.stringify(headers), BODY: body, SECRET: secret };
        return ended(run(built, [], { env: { ...env, ...shown } }));
      };
    },
  },
  Shell: {
    needs: 'openssl',
    prepare: async () => async (secret, headers, body) => {
      const cwd = await folder();
      await writeFile(join(cwd, 'body'), body);
      const env = {
        ...process.env,
        SECRET: secret,
        WEBHOOK_ID: headers['webhook-id'],
        WEBHOOK_TIMESTAMP: headers['webhook-timestamp'],
        WEBHOOK_SIGNATURE: headers['webhook-signature'],
      };
      return ended(run('bash', ['-c', `${codeOf(GUIDE, 'bash')[0]}\nverify || exit 3`], { cwd, env }));
    },
  },
};

const has = async (program: string) =>
  run('which', [program]).then(
    () => true,
    () => false,
  );

describe.each(Object.entries(VERIFIERS))('the receiver in %s', (_, { needs, prepare }) => {
  it('accepts what is signed, and refuses what is forged, changed, or of another day', async (context) => {
    if (!(await has(needs))) context.skip(`this machine has no ${needs}`);
    const verify = await prepare();
    const secret = generateWebhookSecret();
    const other = generateWebhookSecret();
    const shown = async ({ secrets, atS = now(), body = BODY }: Shown) =>
      verify(secret, { ...signWebhook({ id: 'order-42', timestamp: atS, body: BODY, secrets }) }, body);
    expect(await shown({ secrets: [secret] })).toBe(true);
    expect(await shown({ secrets: [other, generateWebhookKeyPair().privateKey, secret] })).toBe(true);
    expect(await shown({ secrets: [other] })).toBe(false);
    expect(await shown({ secrets: [secret], body: BODY.replace('running', 'stopped') })).toBe(false);
    expect(await shown({ secrets: [secret], atS: now() - 400 })).toBe(false);
    expect(await shown({ secrets: [secret], atS: now() + 400 })).toBe(false);
  });
});

it('the receiver in TypeScript accepts by secret and by public key, and says why it refuses', async () => {
  const { privateKey, publicKey } = generateWebhookKeyPair();
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const file = await asFile(codeOf(GUIDE, 'ts')[0] ?? '');
  const receiver = runFile(file, [], { PORT: String(port), WEBHOOK_SECRET: publicKey });
  await receiver.line(/listening/);
  const client = createWebhookClient({ guard: { allowPrivate: true } });
  onTestFinished(() => client.close());
  const deliver = (secrets: string[]) =>
    client.deliver({ url: `http://127.0.0.1:${port}/`, body: BODY, id: 'order-42', secrets });
  await expect(deliver([privateKey])).resolves.toMatchObject({ status: 204 });
  expect(await receiver.line(/accepted/)).toBe('accepted order-42: instance.running');
  await expect(deliver([generateWebhookSecret()])).rejects.toMatchObject({ code: 'JETFLEET_WEBHOOK_FAILED' });
  expect(await receiver.line(/refused/)).toBe('refused: signature_mismatch');
});

it('the commands of the guide print a secret, and a key pair as the environment has it', async () => {
  const [secret = '', ...pair] = await printedByShell(codeOf(GUIDE, 'sh')[0] ?? '', {});
  expect(parseWebhookSecret(secret)).toHaveLength(32);
  expect(pair).toEqual([
    expect.stringMatching(/^JETFLEET_WEBHOOK_SECRET=whsk_[\w+/]{86}==$/),
    expect.stringMatching(/^JETFLEET_WEBHOOK_PUBLIC_KEY=whpk_[\w+/]{43}=$/),
  ]);
});
