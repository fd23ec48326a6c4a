import type { GpuProvider } from '../../src/gpu/index.js';

type Create = GpuProvider['create'];

/** The same provider with another way to create. Its methods keep their own `this`: they have private fields. */
export function withCreate(provider: GpuProvider, create: (original: Create) => Create): GpuProvider {
  const own = create(provider.create.bind(provider));
  return new Proxy(provider, {
    get(target, key) {
      if (key === 'create') return own;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
