export function isBuilt(sources: readonly string[]): boolean;
