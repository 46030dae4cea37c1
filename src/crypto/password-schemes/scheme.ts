/** What one kind of stored password hash is, ours or that of another system; the kind is told by how it begins. */
import { timingSafeEqual } from 'node:crypto';

/** `unknown_scheme`: of no kind that is verified here. `malformed`: cannot be read. `excessive`: more work than a stored hash may cost. */
export type BadHashReason = 'unknown_scheme' | 'malformed' | 'excessive';

export interface HashProblem {
  readonly reason: BadHashReason;
  /** For whoever brings the hash here; never holds any of it but its parameters. */
  readonly message: string;
}

export interface PasswordScheme {
  readonly name: string;
  recognizes(hash: string): boolean;
  /** What makes a hash unfit to be verified, or null. Looks only at the text: a forged one must not cost memory. */
  problem(hash: string): HashProblem | null;
  /** Equal for hashes that take the same work. */
  costOf(hash: string): string;
  /** Holds up the thread that calls it, which is one of our own (`hashing-threads.ts`). Only for a hash without a problem. */
  verify(hash: string, password: string): boolean;
}

/** A scheme that derives bytes from the password and compares them with those that are stored. */
export interface Derivation<Stored extends { readonly expected: Buffer }> {
  readonly name: string;
  readonly recognizes: (hash: string) => boolean;
  /** Null when it cannot be read. */
  readonly parse: (hash: string) => Stored | null;
  /** Which parameter is beyond which bound, or null. */
  readonly excess: (stored: Stored) => string | null;
  readonly costOf: (stored: Stored) => string;
  /** As many bytes as `expected` has. */
  readonly derive: (stored: Stored, password: string) => Buffer;
}

export function derivedScheme<Stored extends { readonly expected: Buffer }>(derivation: Derivation<Stored>): PasswordScheme {
  const { name, recognizes, parse, excess, costOf, derive } = derivation;
  return {
    name,
    recognizes,
    problem(hash) {
      const stored = parse(hash);
      return stored === null ? malformed(name) : excessive(name, excess(stored));
    },
    costOf(hash) {
      const stored = parse(hash);
      return `${name} ${stored === null ? '' : costOf(stored)}`;
    },
    verify(hash, password) {
      const stored = parse(hash);
      return stored !== null && timingSafeEqual(derive(stored, password), stored.expected);
    },
  };
}

export function malformed(name: string): HashProblem {
  return { reason: 'malformed', message: `begins as ${name} but is damaged` };
}

export function excessive(name: string, bound: string | null): HashProblem | null {
  return bound === null ? null : { reason: 'excessive', message: `is ${name} ${bound}` };
}
