import { describe, expect, it } from 'vitest';
import { jobBlock, listRow, transitionLine } from '../../src/cli/job-text.js';
import type { JobRecord } from '../../src/jobs/job-record.js';

/** Clears a terminal, or a line of it. */
const STEERING = '\u001b[2J\u009b2K\r\u202e';

/** As a handler, a provider or an endpoint could have made it. */
const record: JobRecord = {
  v: 1,
  id: 'one',
  worker: STEERING,
  webhookUrl: `https://example.com/${STEERING}`,
  nextRunAt: STEERING,
  next: [{ id: STEERING, type: STEERING, priority: 'low', payload: null }],
  type: `report${STEERING}`,
  priority: 'normal',
  status: 'failed',
  state: 'rejected',
  payload: STEERING,
  attempt: 1,
  maxAttempts: 3,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  error: {
    code: 'JETFLEET_HANDLER_FAILED',
    message: `refused: ${STEERING}\nsecond line`,
    retryable: false,
    problems: [{ path: STEERING, message: STEERING }],
    stack: `Error: ${STEERING}\n    at one`,
  },
  failures: [{ state: 'rejected', attempt: 1, message: STEERING }],
  machine: { id: 'job', version: 1 },
};

describe('the text of a job', () => {
  it.each([
    ['a transition', transitionLine(record)],
    ['a row of a list', listRow(record).join(' ')],
    ['a block', jobBlock(record)],
  ])('does not steer a terminal: %s', (_, text) => {
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('keeps a transition on one line, and the lines of a stack apart', () => {
    expect(transitionLine(record)).not.toContain('\n');
    expect(jobBlock(record)).toMatch(/^stack .*\n +at one$/m);
  });
});
