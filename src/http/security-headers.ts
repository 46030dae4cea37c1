/** Headers that every answer of ours has. */
import type { AuthConfig } from '../model/config.js';
import { requestIdHeader } from '../protocol/names.js';
import type { HeaderList } from './message.js';

interface Served {
  readonly publicUrl: Pick<AuthConfig['publicUrl'], 'secure'>;
}

const always: HeaderList = [
  ['content-security-policy', "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"],
  ['cross-origin-opener-policy', 'same-origin'],
  ['referrer-policy', 'no-referrer'],
  ['x-content-type-options', 'nosniff'],
];

const forNobodyElse: HeaderList = [['cache-control', 'no-store'], ['cross-origin-resource-policy', 'same-origin'], ...always];

/** HSTS without `includeSubDomains`: a library on one host must not force https on all hosts below it for a year. */
const strictTransport: HeaderList[number] = ['strict-transport-security', 'max-age=31536000'];

const forNobodyElseOverHttps: HeaderList = [...forNobodyElse, strictTransport];

/** `publicSeconds`: for how long anybody may keep the answer; null: nobody at all. */
export function securityHeaders({ publicUrl }: Served, requestId: string, publicSeconds: number | null): HeaderList {
  const { secure } = publicUrl;
  if (publicSeconds === null) return [...(secure ? forNobodyElseOverHttps : forNobodyElse), [requestIdHeader, requestId]];
  return [
    ['cache-control', `public, max-age=${String(publicSeconds)}`],
    ['cross-origin-resource-policy', 'cross-origin'],
    ...always,
    ...(secure ? [strictTransport] : []),
    [requestIdHeader, requestId],
  ];
}
