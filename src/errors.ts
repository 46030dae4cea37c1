/** The two errors of the library: `AuthError`, a client may not do this; `ConfigError`, the integrator passed nonsense. */
import { errorCodes, type ErrorCode } from './protocol/error-codes.js';

/** One field of a request that was refused. `path` is the field's name, `message` a sentence that can be shown; neither holds the value. */
export interface FieldProblem {
  readonly path: string;
  readonly code: string;
  readonly message: string;
}

export interface AuthErrorOptions {
  /** For log and audit only; never sent. Must not hold a secret. */
  readonly reason?: string;
  readonly cause?: unknown;
  /** Sent as `detail`; must not hold a secret or an input value. */
  readonly detail?: string;
  readonly fields?: readonly FieldProblem[];
  /** Sent as `Retry-After`, in seconds. 429 and 503 have one always (default 1). */
  readonly retryAfterSeconds?: number;
  /** For `step_up_required`: the age of authentication asked for, in seconds (RFC 9470 section 3). */
  readonly maxAgeSeconds?: number;
  /** For `method_not_allowed`: the methods that are. */
  readonly allow?: readonly string[];
}

/** A refusal: the client may not do this. Becomes problem details (RFC 9457) with `code`; see `docs/reference/errors.md`. */
export class AuthError extends Error {
  readonly code: ErrorCode;
  readonly status: number;
  readonly reason: string | undefined;
  readonly detail: string | undefined;
  readonly fields: readonly FieldProblem[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly maxAgeSeconds: number | undefined;
  readonly allow: readonly string[] | undefined;

  constructor(code: ErrorCode, options: AuthErrorOptions = {}) {
    super(errorCodes[code].title, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AuthError';
    this.code = code;
    this.status = errorCodes[code].status;
    this.reason = options.reason;
    this.detail = options.detail;
    this.fields = options.fields;
    this.retryAfterSeconds = options.retryAfterSeconds ?? (this.status === 429 || this.status === 503 ? 1 : undefined);
    this.maxAgeSeconds = options.maxAgeSeconds;
    this.allow = options.allow;
  }
}

/** A problem of the set-up: which option or setting, and what to do about it. */
export interface ConfigProblem {
  readonly path: string;
  readonly message: string;
}

/** Misuse, found at construction. Lists all problems at once. */
export class ConfigError extends TypeError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}
