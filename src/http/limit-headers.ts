/** `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers): what was left of each limit that the request met. */
import type { LimitState } from '../model/limits.js';
import type { HeaderList } from './message.js';

export function limitHeaders(states: readonly LimitState[]): HeaderList {
  if (states.length === 0) return [];
  const policies = states.map(({ name, limit }) => `"${name}";q=${String(limit.count)};w=${String(limit.windowSeconds)}`);
  const stands = states.map(({ name, remaining, resetSeconds }) => `"${name}";r=${String(remaining)};t=${String(resetSeconds)}`);
  return [
    ['ratelimit-policy', policies.join(', ')],
    ['ratelimit', stands.join(', ')],
  ];
}
