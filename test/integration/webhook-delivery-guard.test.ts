import { Agent } from 'node:https';
import { describe, expect, it } from 'vitest';
import {
  clientWith,
  deliver,
  FAILED,
  LOCAL,
  receiver,
  SECRET,
  useReceiver,
} from '../support/webhook-clients.js';
import { startReceiver } from '../support/webhook-receiver.js';

useReceiver();

describe('a webhook that is not sent, or not to its end', () => {
  it('throws the reason of its signal, whether that fires before or during the attempt', async () => {
    const reason = new Error('drained');
    await expect(deliver({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(receiver.requests).toHaveLength(0);

    receiver.respondWith(() => undefined);
    const abort = new AbortController();
    const attempt = expect(deliver({ signal: abort.signal })).rejects.toBe(reason);
    await receiver.waitFor(() => true);
    abort.abort(reason);
    await attempt;
  });

  it('is refused by a closed client', async () => {
    const client = clientWith(LOCAL);
    client.close();
    await expect(deliver({}, client)).rejects.toMatchObject({ code: 'JETFLEET_CLOSED' });
  });

  it.each([
    [
      'a header that splits the request',
      { headers: { 'x-a': 'b\r\nHost: evil' } },
      'JETFLEET_PAYLOAD_INVALID',
    ],
    ['a broken secret', { secrets: ['whsec_x'] }, 'JETFLEET_WEBHOOK_SECRET_INVALID'],
    ['credentials in its URL', { url: 'http://a:b@127.0.0.1/' }, 'JETFLEET_WEBHOOK_URL_INVALID'],
  ])('is refused for good for %s', async (_, over, code) => {
    await expect(deliver(over)).rejects.toMatchObject({ name: 'ValidationError', code, retryable: false });
    expect(receiver.requests).toHaveLength(0);
  });
});

describe('the guard around connections', () => {
  it.each(['http://127.0.0.1', 'https://127.0.0.1', 'http://localhost', 'http://[::ffff:127.0.0.1]'])(
    'keeps %s from being reached by default',
    async (origin) => {
      const attempt = deliver({ url: `${origin}:${receiver.port}/` }, clientWith({}));
      await expect(attempt).rejects.toMatchObject({ code: 'JETFLEET_WEBHOOK_URL_INVALID', retryable: false });
      expect(receiver.requests).toHaveLength(0);
    },
  );

  it('lets a host through that is named with its port', async () => {
    const allowHosts = [`127.0.0.1:${receiver.port}`];
    expect(await deliver({}, clientWith({ guard: { allowHosts } }))).toMatchObject({ status: 204 });
  });

  it('connects to the address that was checked, whatever the name resolves to a moment later', async () => {
    const answers = ['127.0.0.1', '127.0.0.99'];
    const resolve = async () => [{ address: answers.shift() ?? '127.0.0.99', family: 4 }];
    const client = clientWith({ guard: { allowPrivate: true, resolve } });
    expect(await deliver({ url: `http://rebind.test:${receiver.port}/` }, client)).toMatchObject({
      status: 204,
    });
    expect(answers).toEqual(['127.0.0.99']);
    expect(receiver.requests[0]?.headers.host).toBe(`rebind.test:${receiver.port}`);
  });

  it('delivers over https to a checked address, and holds the certificate against the name', async () => {
    await using secure = await startReceiver({ secret: SECRET, tlsName: 'hooks.test' });
    const agent = new Agent({ ca: secure.certificate });
    const guard = { allowPrivate: true, resolve: async () => [{ address: '127.0.0.1', family: 4 }] };
    const client = clientWith({ guard, agents: { https: agent } });
    const url = (name: string) => `https://${name}:${secure.port}/`;
    expect(await deliver({ url: url('hooks.test') }, client)).toMatchObject({ status: 204 });
    expect(secure.requests[0]?.verified).toBe(true);
    await expect(deliver({ url: url('other.test') }, client)).rejects.toMatchObject(FAILED);
    await expect(deliver({ url: url('hooks.test') }, clientWith({ guard }))).rejects.toMatchObject(FAILED);
    expect(secure.requests).toHaveLength(1);
  });
});
