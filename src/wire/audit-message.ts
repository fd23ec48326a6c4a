/** The messages of AUDIT. */
import type { AuditAction } from '../jobs/audit.js';

export function encodeAction(action: AuditAction): string {
  return JSON.stringify({ v: 1, ...action });
}

/** Undefined for what is no action. */
export function decodeAction(data: Uint8Array): AuditAction | undefined {
  let value: Partial<AuditAction & { v: unknown }> | null;
  try {
    value = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
  const { v, ...action } = value ?? {};
  const isAction = [action.by, action.role, action.action].every((text) => typeof text === 'string');
  return v === 1 && isAction && isTarget(action.target) && isJobs(action.jobs)
    ? (action as AuditAction)
    : undefined;
}

function isTarget(target: unknown): boolean {
  if (target === undefined) return true;
  if (typeof target !== 'object' || target === null) return false;
  return Object.values(target).every((each) => typeof each === 'string');
}

function isJobs(jobs: AuditAction['jobs'] | null): boolean {
  if (jobs === undefined) return true;
  return Number.isInteger(jobs?.done) && Number.isInteger(jobs?.failed) && Array.isArray(jobs?.ids);
}
