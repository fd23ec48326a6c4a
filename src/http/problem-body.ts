import type { Problem } from '../jobs/errors.js';

/** An error as RFC 9457 has it, with a code of `docs/errors.md`. */
export interface ProblemBody {
  type: 'about:blank';
  title: string;
  status: number;
  code: string;
  detail: string;
  problems?: Problem[] | undefined;
}
