import type { GpuProvider } from '../../src/gpu/index.js';

type Create = GpuProvider['create'];

/** The same provider with other ways to do some things. Its own methods keep their `this`: they have private fields. */
export function withMethods(provider: GpuProvider, own: Partial<GpuProvider>): GpuProvider {
  return new Proxy(provider, {
    get(target, key) {
      if (Object.hasOwn(own, key)) return Reflect.get(own, key);
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

export function withCreate(provider: GpuProvider, create: (original: Create) => Create): GpuProvider {
  return withMethods(provider, { create: create(provider.create.bind(provider)) });
}
