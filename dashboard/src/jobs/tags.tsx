import { Link } from '../router.js';

/** The tags of a job; each leads to the other jobs that have it. */
export function Tags({ tags }: { tags: readonly string[] }) {
  return (
    <span class="badges">
      {tags.map((tag) => (
        <Link key={tag} class="chip" to={`/jobs?${new URLSearchParams({ tag })}`}>
          {tag}
        </Link>
      ))}
    </span>
  );
}
