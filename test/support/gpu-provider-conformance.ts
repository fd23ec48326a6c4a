import { createServer } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import type {
  CreateSpec,
  GpuProvider,
  Instance,
  Offer,
  OfferQuery,
  Template,
} from '../../src/gpu/provider.js';
import { ProviderError, type ProviderErrorClass } from '../../src/gpu/provider-error.js';

/** What a provider under test brings along; made afresh for every test. */
export interface ProviderHarness extends AsyncDisposable {
  provider: GpuProvider;
  /** The same account with a key that the provider refuses. */
  unauthorised: GpuProvider;
  /** A provider whose address nobody listens on. */
  unreachable: GpuProvider;
  /** The same account with a deadline of 200 ms for each call. */
  impatient: GpuProvider;
  /** What no error may repeat. */
  apiKey: string;
  templateId: string;
  /** A template whose image only a login can pull, and what of a create names the login; absent where the provider has no such thing. */
  private?: { templateId: string; login: object };
  /** An id in the provider's form that no instance has. Defaults to `no-such-instance`. */
  unknownId?: string;
  /** Whether instances have a time of their creation. Defaults to true. */
  isDated?: boolean;
  /** Has at least two offers of different prices. */
  query: OfferQuery;
  /** Makes every offer of `query` disappear. */
  exhaustCapacity(): void;
  /** How many create calls reached the provider. */
  createCalls(): number;
  /** The body of the last request that reached the provider. */
  lastBody(): unknown;
  /** Something in front of the provider answers every call in its place; undefined takes it away. */
  answerInstead(answer: WireAnswer | undefined): void;
  /** Single reads of instances that are created from now on do not find them, although lists show them. */
  hideFromReads(): void;
  /** Lists hold elements, from now on, that no adapter can read. */
  addOddElements(): void;
  /** Pages of lists have at most so many elements from now on, and do not say how many there are; absent where lists have no pages. */
  capPages?(size: number): void;
  /** Every answer comes later than any caller waits. */
  hang(): void;
  /** A single read of an instance as the API answers it, with a word for its status. */
  readAnswer(id: string, name: string, status: string): object;
  /** An answer of the list with one instance. */
  listAnswer(id: string, name: string, status: string): object;
  /** Fields of a template that the API has no place for. */
  notTaken: readonly (keyof Template)[];
  /** How the API refuses a create for want of machines. */
  capacityRefusal: { status: number; body: object };
  /** Answers of the list that show less than all instances, and do not lead to the others. */
  partialLists: readonly object[];
}

/** An answer as it goes over the wire. */
export interface WireAnswer {
  status: number;
  headers?: Record<string, string>;
  /** Text as it is, anything else as JSON. */
  body: string | object;
}

const PAGE = '<html><body>instance not found</body></html>';
/** What gateways, portals and half-dead servers say, and what none of it proves: whether an instance is there. */
const FOREIGN_ANSWERS: readonly [string, WireAnswer][] = [
  ['a redirect', { status: 302, headers: { location: 'http://127.0.0.1:1/' }, body: '' }],
  [
    'a redirect that keeps the method',
    { status: 307, headers: { location: 'http://127.0.0.1:1/' }, body: '' },
  ],
  ['a page with 200', { status: 200, body: PAGE }],
  ['nothing with 200', { status: 200, body: '' }],
  ['an empty list', { status: 200, body: [] }],
  ['JSON that breaks off', { status: 200, body: '{"id":"x","instances":[' }],
  ['a page with 400', { status: 400, body: PAGE }],
  ['a page with 404', { status: 404, body: PAGE }],
  ["a router's 404", { status: 404, body: { message: 'no Route matched with those values' } }],
  ['a page with 403', { status: 403, body: PAGE }],
  ['401', { status: 401, body: '' }],
  ['425', { status: 425, body: '' }],
  ['a page with 502', { status: 502, body: PAGE }],
  ['an error in a 200', { status: 200, body: { code: 500, reason: 'INTERNAL', message: 'x' } }],
];

/** Fields in which the APIs name an instance that they have made. */
const SIGNS_OF_AN_INSTANCE = [
  { id: 'i-77' },
  { instanceId: 'i-77' },
  { new_contract: 77 },
  { data: { instance_ids: ['i-77'] } },
  { instance: { id: 77 } },
];

/** A port that was free a moment ago, so that nobody listens on it. */
export async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address ? address.port : 1;
}

/** Waits until a check passes, patiently enough for a busy machine. */
export function eventually<T>(check: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(check, { interval: 5 });
}

/** The class of the ProviderError that a call rejects with; fails when it does not. */
export async function errorClassOf(call: Promise<unknown>): Promise<ProviderErrorClass> {
  const error: unknown = await call.then(
    () => 'no error',
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProviderError);
  return (error as ProviderError).class;
}

/** A spec that `harness.provider` accepts: its cheapest offer and its template. */
export async function specFor(
  harness: Pick<ProviderHarness, 'provider' | 'query' | 'templateId'>,
  name: string,
): Promise<CreateSpec> {
  const [offer] = await harness.provider.listOffers(harness.query);
  const template = await harness.provider.getTemplate(harness.templateId);
  if (!offer) throw new Error('the harness has no offer');
  return { name, offer, template, gpuNum: harness.query.gpuNum, rootfsSize: 60 };
}

export async function collect(instances: AsyncIterable<Instance>): Promise<Instance[]> {
  const all: Instance[] = [];
  for await (const instance of instances) all.push(instance);
  return all;
}

/** What Jetfleet relies on in every {@link GpuProvider}, run against a real one or a simulated one over HTTP. */
export function describeGpuProvider(name: string, setup: () => Promise<ProviderHarness>): void {
  describe(`${name} conforms to GpuProvider`, () => {
    async function rent(harness: ProviderHarness, ...names: string[]): Promise<string[]> {
      const ids: string[] = [];
      for (const instanceName of names) {
        const { providerInstanceId } = await harness.provider.create(await specFor(harness, instanceName));
        ids.push(providerInstanceId);
      }
      return ids;
    }

    test('a created instance comes to run, with its name, region and endpoints', async () => {
      await using harness = await setup();
      const { provider, query } = harness;
      const [id = ''] = await rent(harness, 'jetfleet-one');
      const first = await provider.get(id);
      expect(first).toMatchObject({ id, name: 'jetfleet-one' });
      expect(['pending', 'provisioning', 'running']).toContain(first?.status);
      const running = await eventually(async () => {
        const instance = await provider.get(id);
        expect(instance).toMatchObject({ status: 'running', healthy: true });
        return instance;
      });
      expect(running?.region).toBe(query.region);
      expect(running?.endpoints.length).toBeGreaterThan(0);
      for (const { url } of running?.endpoints ?? []) expect(URL.canParse(url)).toBe(true);
      if (harness.isDated === false) expect(running?.createdAt).toBeUndefined();
      else expect(new Date(running?.createdAt ?? '').getTime()).toBeLessThanOrEqual(Date.now());
    });

    test('findByName matches the whole name only', async () => {
      await using harness = await setup();
      const [id] = await rent(harness, 'jetfleet-a', 'jetfleet-a1', 'x-jetfleet-a', 'jetfleet-A');
      const found = await harness.provider.findByName('jetfleet-a');
      expect(found.map((instance) => instance.id)).toEqual([id]);
      expect(await harness.provider.findByName('jetfleet-')).toEqual([]);
    });

    test('findByName gives every instance of a name, in an order that stays the same', async () => {
      await using harness = await setup();
      const ids = await rent(harness, 'jetfleet-twice', 'jetfleet-twice', 'jetfleet-twice');
      const found = await harness.provider.findByName('jetfleet-twice');
      expect(found.map(({ id }) => id).sort()).toEqual([...ids].sort());
      const again = await harness.provider.findByName('jetfleet-twice');
      expect(again.map(({ id }) => id)).toEqual(found.map(({ id }) => id));
      const times = found.map(({ createdAt }) => createdAt ?? '');
      expect(times).toEqual([...times].sort());
    });

    test('delete can be repeated, and the instance is gone from reads and look-ups', async () => {
      await using harness = await setup();
      const { provider } = harness;
      const [id = ''] = await rent(harness, 'jetfleet-gone');
      await provider.delete(id);
      await provider.delete(id);
      await eventually(async () => expect(await provider.get(id)).toBeNull());
      await provider.delete(id);
      expect(await provider.findByName('jetfleet-gone')).toEqual([]);
    });

    test('an instance that never was reads as null, and deleting it succeeds', async () => {
      await using harness = await setup();
      const { provider, unknownId = 'no-such-instance' } = harness;
      expect(await provider.get(unknownId)).toBeNull();
      await provider.delete(unknownId);
      const { stopStart } = provider.capabilities;
      expect(await errorClassOf(provider.stop(unknownId))).toBe(stopStart ? 'not_found' : 'validation');
    });

    test('list gives all instances of a prefix once, over several pages', async () => {
      await using harness = await setup();
      const { provider, query } = harness;
      const spec = await specFor(harness, '');
      const names = Array.from({ length: 230 }, (_, index) => `jetfleet-${index}`);
      let offers: Offer[] = [];
      for (const each of [...names, 'other-1', 'my-jetfleet-1']) {
        // Where an offer is one machine, each can be taken once.
        if (offers.length === 0) offers = await provider.listOffers(query);
        await provider.create({ ...spec, name: each, offer: offers.shift() as Offer });
      }
      const listed = await collect(harness.provider.list({ namePrefix: 'jetfleet-' }));
      expect(listed.map((instance) => instance.name).sort()).toEqual([...names].sort());
      expect(await collect(harness.provider.list())).toHaveLength(232);
    });

    test('stop ends in stopped, and start in running again', async () => {
      await using harness = await setup();
      const { provider } = harness;
      if (!provider.capabilities.stopStart) return;
      const [id = ''] = await rent(harness, 'jetfleet-stop');
      await provider.stop(id);
      await eventually(async () => expect((await provider.get(id))?.status).toBe('stopped'));
      await provider.start?.(id);
      await eventually(async () => expect((await provider.get(id))?.status).toBe('running'));
    });

    test('restart ends in running; what a provider cannot do it has no call for', async () => {
      await using harness = await setup();
      const { provider } = harness;
      const { stopStart, restart = false, migrate = false } = provider.capabilities;
      const calls = [provider.start, provider.restart, provider.migrate].map((call) => call !== undefined);
      expect(calls).toEqual([stopStart, restart, migrate]);
      const [id = ''] = await rent(harness, 'jetfleet-restart');
      const isRunning = async () => expect((await provider.get(id))?.status).toBe('running');
      await eventually(isRunning);
      await provider.restart?.(id);
      await eventually(isRunning);
    });

    test('offers fit the query and come cheapest first', async () => {
      await using harness = await setup();
      const { productName, region, billingMode } = harness.query;
      const offers = await harness.provider.listOffers(harness.query);
      expect(offers.length).toBeGreaterThan(1);
      for (const offer of offers) {
        expect(offer).toMatchObject({ productName, region, billingMode });
        expect(Number.isInteger(offer.pricePerHour)).toBe(true);
      }
      const prices = offers.map(({ pricePerHour }) => pricePerHour);
      expect(prices).toEqual([...prices].sort((a, b) => a - b));
    });

    test('no capacity, an unknown product and an unknown region give no offers', async () => {
      await using harness = await setup();
      const { provider, query } = harness;
      expect(await provider.listOffers({ ...query, productName: 'no such product' })).toEqual([]);
      expect(await provider.listOffers({ ...query, region: 'XX-NONE-99' })).toEqual([]);
      harness.exhaustCapacity();
      expect(await provider.listOffers(query)).toEqual([]);
    });

    test('create without capacity is refused as capacity, and makes nothing', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-full');
      harness.exhaustCapacity();
      expect(await errorClassOf(harness.provider.create(spec))).toBe('capacity');
      expect(harness.createCalls()).toBe(1);
      expect(await harness.provider.findByName(spec.name)).toEqual([]);
    });

    test('an invalid request is validation, an unknown template not_found, a refused key auth', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-invalid');
      expect(await errorClassOf(harness.provider.create({ ...spec, gpuNum: 99 }))).toBe('validation');
      expect(await errorClassOf(harness.provider.getTemplate('no-such-template'))).toBe('not_found');
      expect(await errorClassOf(harness.unauthorised.create(spec))).toBe('auth');
      expect(await errorClassOf(harness.unauthorised.get('any'))).toBe('auth');
    });

    test('without an answer reads and deletes are transient, a create is ambiguous', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-nobody');
      const { unreachable } = harness;
      expect(await errorClassOf(unreachable.create(spec))).toBe('ambiguous');
      expect(await errorClassOf(unreachable.get('any'))).toBe('transient');
      expect(await errorClassOf(unreachable.findByName('any'))).toBe('transient');
      expect(await errorClassOf(unreachable.delete('any'))).toBe('transient');
      const stopEndsAs = unreachable.capabilities.stopStart ? 'transient' : 'validation';
      expect(await errorClassOf(unreachable.stop('any'))).toBe(stopEndsAs);
    });

    test.each(FOREIGN_ANSWERS)('%s proves no absence, and nothing about a create', async (_what, answer) => {
      await using harness = await setup();
      const { provider, query } = harness;
      const [id = ''] = await rent(harness, 'jetfleet-there');
      const spec = await specFor(harness, 'jetfleet-there');
      harness.answerInstead(answer);
      const readsEndAs = [401, 403].includes(answer.status) ? 'auth' : 'transient';
      const reads: (() => Promise<unknown>)[] = [
        () => provider.get(id),
        () => provider.findByName('jetfleet-there'),
        () => collect(provider.list()),
        () => provider.listOffers(query),
        () => provider.getTemplate(harness.templateId),
      ];
      for (const read of reads) expect(await errorClassOf(read())).toBe(readsEndAs);
      const isAuth = readsEndAs === 'auth';
      const isRefusal = answer.status === 404 && typeof answer.body === 'object';
      const createEndsAs = isAuth ? 'auth' : isRefusal ? 'validation' : 'ambiguous';
      expect(await errorClassOf(provider.create(spec))).toBe(createEndsAs);
      harness.answerInstead(undefined);
      expect(await provider.get(id)).toMatchObject({ id });
      expect(await provider.findByName('jetfleet-there')).toMatchObject([{ id }]);
    });

    test.each(FOREIGN_ANSWERS.filter(([, { body }]) => body !== ''))(
      'a delete answered by %s has not succeeded',
      async (_what, answer) => {
        await using harness = await setup();
        const [id = ''] = await rent(harness, 'jetfleet-there');
        harness.answerInstead(answer);
        expect(['transient', 'auth']).toContain(await errorClassOf(harness.provider.delete(id)));
        harness.answerInstead(undefined);
        expect(await harness.provider.findByName('jetfleet-there')).toMatchObject([{ id }]);
      },
    );

    test('an instance that single reads do not show yet is found by its name', async () => {
      await using harness = await setup();
      harness.hideFromReads();
      const [id = ''] = await rent(harness, 'jetfleet-new');
      expect(await harness.provider.get(id)).toBeNull();
      expect(await harness.provider.findByName('jetfleet-new')).toMatchObject([{ id, name: 'jetfleet-new' }]);
    });

    test('odd elements of a list fail no other', async () => {
      await using harness = await setup();
      const [id = ''] = await rent(harness, 'jetfleet-a', 'jetfleet-b');
      harness.addOddElements();
      expect(await harness.provider.findByName('jetfleet-a')).toMatchObject([{ id }]);
      expect(await harness.provider.findByName('jetfleet-c')).toEqual([]);
      const listed = await collect(harness.provider.list({ namePrefix: 'jetfleet-' }));
      expect(listed.map((instance) => instance.name).sort()).toEqual(['jetfleet-a', 'jetfleet-b']);
    });

    test('capped pages are read to the end', async () => {
      await using harness = await setup();
      const names = ['jetfleet-1', 'jetfleet-2', 'jetfleet-3', 'jetfleet-4', 'jetfleet-5'];
      await rent(harness, ...names);
      if (!harness.capPages) return;
      harness.capPages(2);
      const listed = await collect(harness.provider.list());
      expect(listed.map((instance) => instance.name).sort()).toEqual(names);
      for (const each of names) expect(await harness.provider.findByName(each)).toHaveLength(1);
    });

    test('a list that shows a part is not taken for the whole', async () => {
      await using harness = await setup();
      expect(harness.partialLists.length).toBeGreaterThan(0);
      for (const body of harness.partialLists) {
        harness.answerInstead({ status: 200, body });
        const looked = harness.provider.findByName('jetfleet-part');
        expect(await errorClassOf(looked), JSON.stringify(body)).toBe('transient');
        harness.answerInstead(undefined);
      }
    });

    test('a list may be far longer than any other answer', async () => {
      await using harness = await setup();
      const id = harness.unknownId ?? 'i-1';
      const ballast = 'x'.repeat(5 * 1024 * 1024);
      const list = harness.listAnswer(id, 'jetfleet-x', 'somethingNew');
      harness.answerInstead({ status: 200, body: { ...list, ballast } });
      expect(await harness.provider.findByName('jetfleet-x')).toMatchObject([{ id }]);
      harness.answerInstead(undefined);
      const read = harness.readAnswer(id, 'jetfleet-x', 'somethingNew');
      harness.answerInstead({ status: 200, body: { ...read, ballast } });
      expect(await errorClassOf(harness.provider.get(id))).toBe('transient');
    });

    test('what a template has and the API cannot take is refused before anything is sent', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-more');
      const more: Partial<Template> = {
        imageAuth: 'user:password',
        imageAuthId: 'login-1',
        entrypoint: 'serve',
        minCudaVersion: '12.4',
        tools: [{ name: 'Jupyter', port: '8888', type: 'http' }],
        networkVolumes: [{ id: 'volume-1', mountPath: '/data' }],
      };
      for (const field of harness.notTaken) {
        const template = { ...spec.template, [field]: more[field] };
        const refused = await harness.provider.create({ ...spec, template }).catch((error: unknown) => error);
        expect(refused, field).toMatchObject({
          class: 'validation',
          message: expect.stringContaining(field),
        });
      }
      expect(harness.createCalls()).toBe(0);
    });

    test('a private image is rented with its login', async () => {
      await using harness = await setup();
      if (harness.private === undefined) return;
      const { templateId, login } = harness.private;
      const template = await harness.provider.getTemplate(templateId);
      const spec = { ...(await specFor(harness, 'jetfleet-private')), template };
      await harness.provider.create(spec);
      expect(harness.lastBody()).toMatchObject(login);
      expect(await harness.provider.findByName('jetfleet-private')).toHaveLength(1);
    });

    test('a status that nobody knows is kept, beside fields that nobody knows', async () => {
      await using harness = await setup();
      const id = harness.unknownId ?? 'i-1';
      harness.answerInstead({ status: 200, body: harness.readAnswer(id, 'jetfleet-x', 'somethingNew') });
      const read = await harness.provider.get(id);
      expect(read).toMatchObject({ id, name: 'jetfleet-x', status: 'unknown', rawStatus: 'somethingNew' });
      expect(read?.healthy).toBe(false);
    });

    test('another instance than the one asked for is no answer', async () => {
      await using harness = await setup();
      harness.answerInstead({ status: 200, body: harness.readAnswer('77', 'jetfleet-x', 'somethingNew') });
      expect(await errorClassOf(harness.provider.get('78'))).toBe('transient');
    });

    test('429 is rate_limited, with the time that Retry-After gives', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-limited');
      harness.answerInstead({ status: 429, headers: { 'retry-after': '7' }, body: 'slow down' });
      for (const call of [harness.provider.get('any'), harness.provider.create(spec)]) {
        await expect(call).rejects.toMatchObject({ class: 'rate_limited', retryAfterMs: 7_000 });
      }
    });

    test('a create is sent once, whatever is answered', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-once');
      const statuses = [408, 421, 429, 500, 502, 503, 504];
      for (const status of statuses) {
        harness.answerInstead({ status, body: '' });
        expect(['ambiguous', 'rate_limited']).toContain(await errorClassOf(harness.provider.create(spec)));
      }
      expect(harness.createCalls()).toBe(statuses.length);
    });

    test.each(SIGNS_OF_AN_INSTANCE)('a refused create with %j may have been carried out', async (sign) => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-unsure');
      const { status, body } = harness.capacityRefusal;
      harness.answerInstead({ status, body });
      expect(await errorClassOf(harness.provider.create(spec))).toBe('capacity');
      harness.answerInstead(undefined);
      for (const each of [200, status, 503]) {
        harness.answerInstead({ status: each, body: { ...body, ...sign } });
        expect(await errorClassOf(harness.provider.create(spec)), String(each)).toBe('ambiguous');
        harness.answerInstead(undefined);
      }
    });

    test.each(['INSUFFICIENT_RESOURCE', 'no_such_ask'])(
      'a server that fails over a create, and says %s in a sentence, proves nothing',
      async (word) => {
        await using harness = await setup();
        const spec = await specFor(harness, 'jetfleet-unsure');
        harness.answerInstead({ status: 503, body: { message: `upstream failed: ${word}, try again` } });
        expect(await errorClassOf(harness.provider.create(spec))).toBe('ambiguous');
      },
    );

    test('a call ends with its deadline', async () => {
      await using harness = await setup();
      const spec = await specFor(harness, 'jetfleet-late');
      harness.hang();
      expect(await errorClassOf(harness.impatient.get('any'))).toBe('transient');
      expect(await errorClassOf(harness.impatient.delete('any'))).toBe('transient');
      expect(await errorClassOf(harness.impatient.create(spec))).toBe('ambiguous');
    });

    test('no error repeats the key or what a template keeps secret', async () => {
      await using harness = await setup();
      const { apiKey } = harness;
      const spec = await specFor(harness, 'jetfleet-secret');
      const template = { ...spec.template, envs: [{ key: 'TOKEN', value: 'top-secret-value' }] };
      const message = `Bearer ${apiKey} sent TOKEN=top-secret-value`;
      for (const status of [400, 500]) {
        harness.answerInstead({ status, body: { message, error: message } });
        const error = await harness.provider.create({ ...spec, template }).catch((reason: unknown) => reason);
        expect(String(error)).toMatch(/Bearer \[redacted\]/);
        for (const secret of [apiKey, 'top-secret-value']) {
          expect(`${error} ${JSON.stringify(error)}`).not.toContain(secret);
        }
      }
    });

    test('an aborted signal ends every call with its own reason', async () => {
      await using harness = await setup();
      const { provider } = harness;
      const spec = await specFor(harness, 'jetfleet-aborted');
      const reason = new Error('the caller has left');
      const signal = AbortSignal.abort(reason);
      await expect(provider.create(spec, signal)).rejects.toBe(reason);
      await expect(provider.get('any', signal)).rejects.toBe(reason);
      await expect(provider.findByName('any', signal)).rejects.toBe(reason);
      await expect(collect(provider.list({}, signal))).rejects.toBe(reason);
      await expect(provider.delete('any', signal)).rejects.toBe(reason);
      await expect(provider.listOffers(harness.query, signal)).rejects.toBe(reason);
      expect(harness.createCalls()).toBe(0);
    });
  });
}
