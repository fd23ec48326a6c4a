/** Who may do what: each role may also do what the one before may. */
export const ROLES = ['observer', 'operator', 'admin'] as const;
/** `observer` looks, `operator` adds, cancels and retries jobs, `admin` also orders workers. */
export type Role = (typeof ROLES)[number];

export function isRole(value: string): value is Role {
  return (ROLES as readonly string[]).includes(value);
}

/** Whether `role` may do what needs `needed`. */
export function covers(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}
