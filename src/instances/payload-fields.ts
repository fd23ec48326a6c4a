/** Fields that several payloads have. */
import { z } from 'zod';

export const text = (max: number) => z.string().min(1).max(max);
/** ISO 8601 with a zone; a Date is accepted in process and travels as such a string. */
export const isoTime = z.preprocess(
  (value: string | Date) =>
    value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value,
  z.iso.datetime({
    offset: true,
    error: 'must be an ISO 8601 time with a zone, such as 2026-01-01T00:00:00Z',
  }),
);
export const maxWaitTime = z
  .number()
  .int()
  .min(1)
  .max(7 * 24 * 60 * 60 * 1000);
