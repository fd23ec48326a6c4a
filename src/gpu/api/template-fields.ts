import type { Template } from '../provider.js';
import { ProviderError } from '../provider-error.js';

/**
 * Refuses a template for what its provider's API has no place for: dropped, it would be missing on an instance that is paid for.
 * @throws ProviderError `validation` naming the field
 */
export function assertHasNone(
  provider: string,
  template: Template,
  fields: readonly (keyof Template)[],
): void {
  const isGiven = (value: unknown) => (Array.isArray(value) ? value.length > 0 : value !== undefined);
  const given = fields.find((field) => isGiven(template[field]));
  if (given === undefined) return;
  const where = `set it in the template at ${provider}, or leave it out`;
  throw new ProviderError(
    'validation',
    `${given} of template ${template.id} cannot be sent to ${provider}: ${where}`,
  );
}
