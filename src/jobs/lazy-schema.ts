import type { ZodType } from 'zod';

const lazy = new WeakSet<object>();

/**
 * A schema of zod that is built when it is first asked for something: most processes use none of the
 * built-in jobs, and an import of the package loads no zod.
 * @param build called once
 */
export function lazySchema<S extends ZodType>(build: () => S): S {
  let built: S | undefined;
  const schema = () => {
    built ??= build();
    return built;
  };
  const stand = new Proxy({} as S, {
    get: (_, key) => memberOf(schema(), key),
    has: (_, key) => key in schema(),
    getPrototypeOf: () => Object.getPrototypeOf(schema()),
    ownKeys: () => Reflect.ownKeys(schema()),
    getOwnPropertyDescriptor: (_, key) => {
      const found = Object.getOwnPropertyDescriptor(schema(), key);
      return found && { ...found, configurable: true };
    },
  });
  lazy.add(stand);
  return stand;
}

/** Methods work on the schema itself, which keeps what it derives. */
function memberOf<S extends ZodType>(schema: S, key: PropertyKey): unknown {
  const value: unknown = Reflect.get(schema, key);
  return typeof value === 'function' && key !== 'constructor' ? value.bind(schema) : value;
}

/** Answers without building the schema. */
export function isLazySchema(value: unknown): boolean {
  return lazy.has(Object(value));
}
