import { describe, expect, test } from 'vitest';
import { defineProvider, type ProviderDefinition, providersFromEnvironment } from '../../src/gpu/index.js';

const calls: ProviderDefinition = {
  name: 'own',
  create: async () => ({ providerInstanceId: 'i' }),
  get: async () => null,
  findByName: async () => [],
  list: async function* () {},
  delete: async () => {},
  listOffers: async () => [],
  getTemplate: async (id) => ({ id, image: 'a', ports: [], envs: [] }),
};

describe('defineProvider', () => {
  test('derives what a provider can do from its calls', async () => {
    const act = async () => {};
    expect(defineProvider(calls).capabilities).toEqual({
      ...{ stopStart: false, restart: false, migrate: false, spot: false },
      ...{ exactNameLookup: false, maxNameLength: 60 },
    });
    const able = { stop: act, start: act, restart: act, migrate: act, capabilities: { spot: true } };
    expect(defineProvider({ ...calls, ...able }).capabilities).toMatchObject({
      ...{ stopStart: true, restart: true, migrate: true, spot: true },
    });
    await expect(defineProvider(calls).stop('i')).rejects.toMatchObject({ class: 'validation' });
  });

  test('keeps the object of its calls', async () => {
    const own: ProviderDefinition = {
      ...calls,
      async get() {
        expect(this).toBe(own);
        return null;
      },
    };
    const { get } = defineProvider(own);
    expect(await get('i')).toBeNull();
  });

  test.each<[object, RegExp]>([
    [{ name: 'Own Provider' }, /name Own Provider must be/],
    [{ get: undefined }, /get must be a function/],
    [{ stop: async () => {} }, /stop and start together/],
    [{ creat: async () => {} }, /has no "creat"/],
    [{ capabilities: { spots: true } }, /has no "spots"/],
    [{ capabilities: { maxNameLength: 20 } }, /maxNameLength 20/],
  ])('refuses %j', (fields, message) => {
    expect(() => defineProvider({ ...calls, ...fields } as ProviderDefinition)).toThrow(message);
  });
});

describe('providersFromEnvironment', () => {
  test.each<[Record<string, string>, string]>([
    [{ NOVITA_API_KEY: 'k' }, 'novita'],
    [{ JETFLEET_PROVIDER: 'runpod', RUNPOD_API_KEY: 'k' }, 'runpod'],
    [{ JETFLEET_PROVIDER: 'lambda', LAMBDA_API_KEY: 'k', LAMBDA_SSH_KEY_NAME: 'laptop' }, 'lambda'],
    [{ JETFLEET_PROVIDER: 'vast', VAST_API_KEY: 'k', VAST_API_BASE_URL: 'http://127.0.0.1:1' }, 'vast'],
    [{ JETFLEET_PROVIDER: 'simulator', NOVITA_API_BASE_URL: 'http://127.0.0.1:1' }, 'novita'],
    [{ JETFLEET_PROVIDER: 'vast, novita', NOVITA_API_KEY: 'k', VAST_API_KEY: 'k' }, 'vast,novita'],
  ])('%j is %s', (env, name) => {
    expect(providersFromEnvironment(env).map((provider) => provider.name)).toEqual(name.split(','));
  });

  test.each<[Record<string, string>, RegExp]>([
    [{}, /NOVITA_API_KEY/],
    [{ JETFLEET_PROVIDER: 'novita,novita', NOVITA_API_KEY: 'k' }, /names novita twice/],
    [{ JETFLEET_PROVIDER: 'runpod' }, /RUNPOD_API_KEY must be set/],
    [{ JETFLEET_PROVIDER: 'lambda', LAMBDA_API_KEY: 'k' }, /LAMBDA_SSH_KEY_NAME/],
    [{ JETFLEET_PROVIDER: 'constructor' }, /must be novita, runpod, lambda, vast or simulator/],
    [
      { JETFLEET_PROVIDER: 'vast', VAST_API_KEY: 'k', VAST_API_BASE_URL: 'ftp://x' },
      /base URL of the Vast API/,
    ],
  ])('%j is refused', (env, message) => {
    expect(() => providersFromEnvironment(env)).toThrow(message);
  });
});
