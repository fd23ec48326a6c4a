/** A text in what anybody may have written, such as a payload; undefined where there is none of this name. */
export function textField(value: unknown, name: string): string | undefined {
  const found: unknown = Object(value)[name];
  return typeof found === 'string' ? found : undefined;
}
