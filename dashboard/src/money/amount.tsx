import { formatAmount } from '../../../src/jobs/amount.js';

/** What something cost; `–` where nobody knows, `at least` where a part of it is not known. */
export function Amount({ of, isUnpriced = false }: { of: number | null; isUnpriced?: boolean }) {
  if (of === null) return <span class="quiet">–</span>;
  return (
    <>
      {isUnpriced && <span class="quiet">at least </span>}
      {formatAmount(of)}
    </>
  );
}
