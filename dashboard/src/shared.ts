/** The page of a job as a file: what the API answered when it was made stands in it, and nobody is asked any more. */
export interface Shared {
  /** The job. */
  id: string;
  /** When it was made, ISO 8601. */
  at: string;
  version: string;
  /** By path, below `/api/v1`: JSON, or the text of what is no JSON. */
  answers: Record<string, unknown>;
}

/** Undefined in the dashboard of a server. */
export const shared: Shared | undefined = read();

function read(): Shared | undefined {
  const text = document.getElementById('shared')?.textContent;
  return text ? (JSON.parse(text) as Shared) : undefined;
}

/** What was answered at a path; 404 where it was not asked for. */
export function sharedAnswer({ answers }: Shared, path: string): Response {
  if (!Object.hasOwn(answers, path)) return new Response('{}', { status: 404 });
  const answer = answers[path];
  return new Response(typeof answer === 'string' ? answer : JSON.stringify(answer));
}
