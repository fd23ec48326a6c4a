/** What guards, actions and actors are called in a drawing. What was written inline has no name of its own. */

/** `isReady`, `not isReady`, `a and b`; an inline function is `guard`. */
export function guardName(guard: unknown): string {
  const combined = Object(guard) as { name?: unknown; guards?: unknown };
  if (typeof guard === 'function' && Array.isArray(combined.guards)) {
    const parts = combined.guards.map(guardName);
    return combined.name === 'not' ? `not ${parts[0]}` : parts.join(` ${combined.name} `);
  }
  return typeOf(guard) ?? 'guard';
}

/** `saveError`; XState's own such as `assign` without its prefix; an inline function is `action`. */
export function actionName(action: unknown): string {
  return typeOf(action)?.replace(/^xstate\./, '') ?? 'action';
}

/** The name that `setup` gives an actor; one that was written inline is `actor`. */
export function actorName(src: unknown): string {
  return typeof src === 'string' && !src.startsWith('xstate.invoke.') ? src : 'actor';
}

function typeOf(thing: unknown): string | undefined {
  if (typeof thing === 'string') return thing;
  const { type } = Object(thing) as { type?: unknown };
  return typeof type === 'string' ? type : undefined;
}
