/** I10: looks for the secrets of a run in what was logged. */
import type { Violation } from './entries.js';

/** What tokens are made of; a password without other characters is found as one word as well. */
const word = /[A-Za-z0-9_-]{8,}/g;

/** `secrets`: whole tokens, signatures, passwords. Names no secret, only where it stands. */
export function findSecrets(secrets: Iterable<string>, logs: Readonly<Record<string, string>>): Violation[] {
  const words = new Set<string>();
  for (const secret of secrets) for (const [part] of secret.matchAll(word)) words.add(part);
  return Object.entries(logs).flatMap(([name, log]) =>
    log.split('\n').flatMap((line, index) => {
      const found = [...line.matchAll(word)].some(([part]) => words.has(part));
      return found ? [{ invariant: 'I10' as const, message: `line ${index + 1} of the log of ${name} holds a secret` }] : [];
    }),
  );
}
