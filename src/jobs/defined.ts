type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the keys that are undefined: for options that tell "left out" from "given". */
export function defined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Defined<T>;
}
