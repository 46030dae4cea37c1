/** A refusal that may pass in a moment: the path of a request never waits, but whoever answers the request can. */
import { AuthError } from '../errors.js';
import type { ErrorCode } from '../protocol/error-codes.js';

export class PendingError extends AuthError {
  /** Waits for what is missing, within a bound; whether it makes sense to ask once more. Never rejects. */
  readonly settle: () => Promise<boolean>;

  constructor(code: ErrorCode, settle: () => Promise<boolean>) {
    super(code);
    this.settle = settle;
  }
}

/** A request may meet two things that are missing: a new key of the issuer, say, and then news of what was revoked. */
export const mostPauses = 2;

/** Does the work, and again where it was refused for something that came meanwhile. */
export async function whenSettled<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  for (let pauses = 0; ; pauses += 1) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof PendingError) || pauses === mostPauses || !(await error.settle())) throw error;
    }
  }
}
