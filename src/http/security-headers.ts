/** Headers that every answer of ours has. */
import type { AuthConfig } from '../model/config.js';
import { requestIdHeader } from '../protocol/names.js';
import type { HeaderList } from './message.js';

interface Served {
  readonly publicUrl: Pick<AuthConfig['publicUrl'], 'secure'>;
}

/**
 * HSTS without `includeSubDomains`: a library on one host must not force https on all hosts below it for a year.
 * `publicSeconds`: for how long anybody may keep the answer; null: nobody at all.
 */
export function securityHeaders({ publicUrl }: Served, requestId: string, publicSeconds: number | null): HeaderList {
  return [
    ['cache-control', publicSeconds === null ? 'no-store' : `public, max-age=${String(publicSeconds)}`],
    ['content-security-policy', "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"],
    ['cross-origin-opener-policy', 'same-origin'],
    ['cross-origin-resource-policy', publicSeconds === null ? 'same-origin' : 'cross-origin'],
    ['referrer-policy', 'no-referrer'],
    ['x-content-type-options', 'nosniff'],
    [requestIdHeader, requestId],
    ...(publicUrl.secure ? ([['strict-transport-security', 'max-age=31536000']] as const) : []),
  ];
}
