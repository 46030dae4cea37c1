/** How sure a session is of whose it is. */

/** Of `step_up_required`, where the password alone will not do. */
export const secondFactorDetail = 'A second factor is asked for.';

/** Whether the session was opened, or proved again, by more than one factor. */
export function hasSecondFactor(factors: readonly string[]): boolean {
  return new Set(factors).size > 1;
}
