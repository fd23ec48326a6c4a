import { expect, it } from 'vitest';
import { wantsEvent } from '../../src/webhooks/endpoints/endpoint.js';

it.each([
  [['*'], 'job.failed', true],
  [['*'], 'instance.running', true],
  // How another endpoint fares, with its host and its reason, is only for those who have asked for it.
  [['*'], 'endpoint.failing', false],
  [['*'], 'endpoint.disabled', false],
  [['*', 'endpoint.*'], 'endpoint.failing', true],
  [['endpoint.disabled'], 'endpoint.disabled', true],
  [['endpoint.disabled'], 'endpoint.failing', false],
  [['job.*'], 'job.failed', true],
  [['job.*'], 'jobs.failed', false],
])('an endpoint with the events %j and %s: %s', (events, type, isWanted) => {
  expect(wantsEvent({ events }, type)).toBe(isWanted);
});
