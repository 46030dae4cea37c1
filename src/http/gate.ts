/** What the guards of every framework stand on: who is asking, and the answer to whoever may not. */
import type { CompiledRule } from '../access/access-rule.js';
import { mostPauses, PendingError } from '../access/pending-error.js';
import { AuthError } from '../errors.js';
import type { AccessRule, Principal, RequestLike } from '../model/app-types.js';
import type { HttpRequest, HttpResponse } from './message.js';

export interface Gate {
  /** Once per rule object. @throws {ConfigError} */
  compile(rule: AccessRule): CompiledRule;
  /** Synchronous. @throws {AuthError} */
  authenticate(request: RequestLike, rule: CompiledRule): Principal;
  /** The answer to a refusal; a fault becomes `internal_error` and is logged. */
  refuse(error: unknown, request: Pick<HttpRequest, 'headers'>): HttpResponse;
  /** Name of the cookie that the application's handlers have no business with. */
  readonly refreshCookie: string;
}

const gates = new WeakMap<object, Gate>();

/** For what an application holds: an `Auth`, or a `Verifier`. */
export function openGate(owner: object, gate: Gate): void {
  gates.set(owner, gate);
}

/** @throws {TypeError} for anything else. */
export function gateOf(owner: object): Gate {
  const found = gates.get(owner);
  if (!found) throw new TypeError('This is neither what createAuth() gave nor what createVerifier() gave.');
  return found;
}

/** Hands on who is asking, or the refusal. Without a promise, unless what was refused may pass in a moment. Throws or rejects for faults alone. */
export function identify<Result>(
  gate: Gate,
  rule: CompiledRule,
  request: RequestLike,
  then: (outcome: Principal | AuthError) => Result,
): Result | Promise<Result> {
  const outcome = attempt(gate, rule, request);
  return outcome instanceof PendingError ? askAgain(outcome, () => attempt(gate, rule, request)).then(then) : then(outcome);
}

function attempt(gate: Gate, rule: CompiledRule, request: RequestLike): Principal | AuthError {
  try {
    return gate.authenticate(request, rule);
  } catch (error) {
    if (error instanceof AuthError) return error;
    throw error;
  }
}

async function askAgain(refusal: PendingError, ask: () => Principal | AuthError): Promise<Principal | AuthError> {
  let outcome: Principal | AuthError = refusal;
  for (let pauses = 0; outcome instanceof PendingError && pauses < mostPauses && (await outcome.settle()); pauses += 1) outcome = ask();
  return outcome;
}
