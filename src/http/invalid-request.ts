import type { z } from '@hono/zod-openapi';
import { ValidationError } from '../jobs/errors.js';

/** What OpenAPIHono calls with the outcome of each check. */
export function refuseInvalid(result: { success: boolean; target: string; error?: unknown }): undefined {
  if (result.success) return undefined;
  const { issues } = result.error as z.ZodError;
  const problems = issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
  const where = result.target === 'json' ? 'body' : result.target;
  const first = problems[0];
  throw new ValidationError(
    'JETFLEET_HTTP_INVALID',
    `the ${where} of the request: ${first?.path ? `${first.path}: ` : ''}${first?.message}`,
    { problems },
  );
}
