import { describe, expect, test } from 'vitest';
import { MAX_RESPONSE_BYTES } from '../../src/gpu/api/provider-api.js';
import { createNovitaProvider } from '../../src/gpu/index.js';
import { errorClassOf, eventually, specFor } from '../support/gpu-provider-conformance.js';
import { CREATE, QUERY, rejection, simulateNovita, startAnswering } from '../support/simulated-novita.js';

describe('error classes', () => {
  const route = '/gpu/instance';
  test.each([
    [400, { error: { code: 'EXPIRED_OR_BALANCE_NOT_ENOUGH' } }, 'balance'],
    [400, { message: 'failed: BALANCE_NOT_ENOUGH, please top up' }, 'balance'],
    [400, { code: 400, reason: 'operation-limit' }, 'quota'],
    [400, { message: 'invalid state change' }, 'conflict'],
    [400, { message: 'the name conflict-limit is taken' }, 'transient'],
    [402, '<html>pay</html>', 'balance'],
    [409, [], 'transient'],
    [422, 42, 'transient'],
    [429, '<html>slow down</html>', 'rate_limited'],
    [500, { reason: 'DB_ERROR' }, 'transient'],
    [503, { reason: 'INSUFFICIENT_RESOURCE' }, 'capacity'],
  ])('a read answered %i %j is %s', async (status, body, expected) => {
    const { simulator, provider } = await simulateNovita();
    simulator.faults.add({ kind: 'answer', route, status, body });
    expect(await errorClassOf(provider.get('i-1'))).toBe(expected);
    expect(simulator.requests.count()).toBe(1);
  });

  test.each([408, 500, 502, 503, 504])(
    'a create answered %i is ambiguous, and is not retried',
    async (status) => {
      const { simulator, provider } = await simulateNovita();
      const spec = await specFor({ provider, query: QUERY, templateId: 'template-123' }, 'jetfleet-5xx');
      simulator.faults.add({ kind: 'error', route: CREATE, status });
      expect(await errorClassOf(provider.create(spec))).toBe('ambiguous');
      expect(simulator.requests.count(CREATE)).toBe(1);
    },
  );

  test.each([500, 503])('a delete or stop answered %i is transient', async (status) => {
    const { simulator, provider } = await simulateNovita();
    simulator.faults.add({ kind: 'error', status });
    expect(await errorClassOf(provider.delete('i-1'))).toBe('transient');
    expect(await errorClassOf(provider.stop('i-1'))).toBe('transient');
    expect(simulator.requests.count()).toBe(2);
  });

  test('the message says what was called and what came back', async () => {
    const { simulator, provider } = await simulateNovita();
    simulator.faults.add({ kind: 'error', route, status: 400, code: 'CONFLICT', message: 'it is busy' });
    const error = await rejection(provider.get('i-1'));
    expect(error).toMatchObject({ class: 'conflict', status: 400, code: 'JETFLEET_PROVIDER_CONFLICT' });
    expect(error.message).toBe('Novita GET /gpu/instance answered 400 CONFLICT: it is busy');
  });

  test('a redirect is refused rather than followed', async () => {
    const { provider: real, ...rest } = await simulateNovita();
    const spec = await specFor({ provider: real, ...rest }, 'jetfleet-moved');
    let requests = 0;
    const { url: baseUrl } = await startAnswering(() => {
      requests += 1;
      return { status: 302, headers: { location: '/elsewhere' }, body: { id: 'i-1' } };
    });
    const provider = createNovitaProvider({ apiKey: 'key', baseUrl });
    expect(await rejection(provider.create(spec))).toMatchObject({ class: 'ambiguous', status: 302 });
    expect(requests).toBe(1);
  });

  test('Retry-After is read as seconds and as a date', async () => {
    const { simulator, provider } = await simulateNovita();
    simulator.faults.add({ kind: 'rate_limited', retryAfter: 7, times: 1 });
    expect(await rejection(provider.get('i-1'))).toMatchObject({
      class: 'rate_limited',
      retryAfterMs: 7_000,
    });
    const date = new Date(Date.now() + 60_000).toUTCString();
    simulator.faults.add({ kind: 'rate_limited', retryAfter: date, times: 1 });
    const { retryAfterMs } = await rejection(provider.get('i-1'));
    expect(retryAfterMs).toBeGreaterThan(50_000);
    expect(retryAfterMs).toBeLessThanOrEqual(60_000);
    simulator.faults.add({ kind: 'rate_limited', retryAfter: 'soon', times: 1 });
    // What says nothing more is not asked again at once.
    expect((await rejection(provider.get('i-1'))).retryAfterMs).toBe(2_000);
  });

  test('secrets that the provider repeats do not reach the message', async () => {
    const { simulator, provider } = await simulateNovita();
    const context = { provider, query: QUERY, templateId: 'template-private' };
    const spec = await specFor(context, 'jetfleet-secret');
    spec.template.envs.push({ key: 'TOKEN', value: 'env-secret' });
    spec.template.imageAuth = 'robot:registry-password';
    const odd = `q"u\\o&t<e'd`;
    spec.template.envs.push({ key: 'ODD', value: odd });
    const forms = [
      JSON.stringify(odd).slice(1, -1),
      encodeURIComponent(odd),
      'q&quot;u\\o&amp;t&lt;e&#39;d',
      Buffer.from(odd).toString('base64'),
      Buffer.from('robot:registry-password').toString('base64'),
    ];
    const message = `bad: ${simulator.apiKey} robot:registry-password registry-password env-secret ${forms.join(' ')}`;
    simulator.faults.add({ kind: 'error', route: CREATE, status: 400, code: 'VALIDATOR_PARAM', message });
    const error = await rejection(provider.create(spec));
    expect(error.message).toContain('VALIDATOR_PARAM: bad:');
    for (const secret of [simulator.apiKey, 'registry-password', 'env-secret', ...forms]) {
      for (const text of [error.message, String(error.stack)]) expect(text).not.toContain(secret);
    }
  });
});

describe('calls without a usable answer', () => {
  test('a create that times out is ambiguous, and the instance is found by its name', async () => {
    const context = await simulateNovita();
    const { simulator, provider } = context;
    const spec = await specFor(context, 'jetfleet-late');
    simulator.faults.add({ kind: 'slow', route: CREATE, delayMs: 60_000 });
    const { apiKey, url: baseUrl } = simulator;
    const hasty = createNovitaProvider({ apiKey, baseUrl, timeoutMs: 300 });
    const error = await rejection(hasty.create(spec));
    expect(error.class).toBe('ambiguous');
    expect(error.message).toContain('no answer within 300 ms');
    expect(await provider.findByName(spec.name)).toHaveLength(1);
  });

  test('reads, deletes and stops that time out are transient', async () => {
    const { simulator, provider } = await simulateNovita({}, 50);
    simulator.faults.add({ kind: 'slow', delayMs: 60_000 });
    expect(await errorClassOf(provider.get('i-1'))).toBe('transient');
    expect(await errorClassOf(provider.delete('i-1'))).toBe('transient');
    expect(await errorClassOf(provider.stop('i-1'))).toBe('transient');
  });

  test('a caller that aborts during the call gets its own reason, for creates too', async () => {
    const { simulator, provider, ...rest } = await simulateNovita();
    const spec = await specFor({ provider, ...rest }, 'jetfleet-left');
    simulator.faults.add({ kind: 'slow', delayMs: 60_000 });
    const controller = new AbortController();
    const reason = new Error('lease lost');
    const calls = [provider.create(spec, controller.signal), provider.get('i-1', controller.signal)];
    await eventually(() => expect(simulator.requests.count('GET /gpu/instance')).toBe(1));
    await eventually(() => expect(simulator.requests.count(CREATE)).toBe(1));
    controller.abort(reason);
    for (const call of await Promise.allSettled(calls)) expect(call).toMatchObject({ reason });
  });

  test.each([
    ['error_after_create', { kind: 'error_after_create', times: 1 }],
    ['reset_after_create', { kind: 'reset_after_create', times: 1 }],
  ] as const)('%s is ambiguous and leaves exactly one instance', async (_kind, fault) => {
    const { simulator, provider, ...rest } = await simulateNovita();
    const spec = await specFor({ provider, ...rest }, 'jetfleet-ambiguous');
    simulator.faults.add(fault);
    expect(await errorClassOf(provider.create(spec))).toBe('ambiguous');
    expect(await provider.findByName(spec.name)).toHaveLength(1);
    expect(simulator.live()).toHaveLength(1);
    expect(simulator.requests.count(CREATE)).toBe(1);
  });

  test.each<[string, unknown]>([
    ['no JSON', 'oops'],
    ['another shape', { id: '' }],
    ['too large', { id: 'i-1', status: 'running', padding: 'x'.repeat(MAX_RESPONSE_BYTES) }],
  ])('a success whose body is %s is ambiguous for create, transient for reads', async (_what, body) => {
    const server = await startAnswering(() => ({ body }));
    const provider = createNovitaProvider({ apiKey: 'key', baseUrl: server.url });
    const { provider: real, ...rest } = await simulateNovita();
    const spec = await specFor({ provider: real, ...rest }, 'jetfleet-odd');
    expect(await errorClassOf(provider.create(spec))).toBe('ambiguous');
    expect(await errorClassOf(provider.get('i-1'))).toBe('transient');
  });
});
