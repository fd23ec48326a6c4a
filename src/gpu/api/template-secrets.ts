import type { Template } from '../provider.js';

/** What an error may not repeat of a template. `imageAuth` reads `user:password`; either form could come back. */
export function secretsOf({ imageAuth, envs }: Template): string[] {
  const password = imageAuth?.split(':').slice(1).join(':');
  return [imageAuth ?? '', password ?? '', ...envs.map(({ value }) => value)];
}
