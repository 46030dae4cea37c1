/** Whose request it is, as far as addresses tell: forwarded headers count only where a trusted proxy wrote them. */
import { type BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { RequestLike } from '../model/app-types.js';
import type { TrustedProxies } from '../model/config.js';
import { readHeader } from './credentials.js';

/** A request, and the address at the other end of its connection; null: unknown. */
export interface AddressedRequest {
  readonly address: string | null;
  readonly headers: RequestLike['headers'];
}

/** The client's address by `X-Forwarded-For`, of which only what trusted proxies appended is believed. Null: unknown. */
export function clientAddress({ address, headers }: AddressedRequest, trusted: TrustedProxies): string | null {
  const nearest = address === null ? null : plainAddress(address);
  if (nearest === null || trusted === null) return nearest;
  const forwarded = (readHeader(headers, 'x-forwarded-for') ?? '').split(',').map((entry) => plainAddress(entry.trim()));
  let client = nearest;
  for (let hop = 0; isTrusted(client, hop, trusted); hop += 1) {
    const before = forwarded.at(-1 - hop);
    // Nobody, or no address: the last one that is certain.
    if (before === undefined || before === null) break;
    client = before;
  }
  return client;
}

function isTrusted(address: string, hop: number, trusted: number | BlockList): boolean {
  if (typeof trusted === 'number') return hop < trusted;
  return trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

/** Without port, brackets and zone; an IPv4 address in IPv6 form as IPv4. Null when it is none. */
function plainAddress(text: string): string | null {
  const withoutPort = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
  const [address = ''] = withoutPort.split('%', 1);
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
  return isIP(mapped) === 0 ? null : mapped;
}

/** What a limit counts by: an IPv4 address, or the 64 bits of an IPv6 address that one customer has at least. */
export function addressKey(address: string | null): string {
  if (address === null) return 'unknown address';
  if (isIPv4(address)) return address;
  const [head = '', tail] = address.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? left : [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

/** Whom a request of an application's own route counts for; null where its framework does not say from where it came. */
export function sourceOf(request: RequestLike & Partial<AddressedRequest>, trusted: TrustedProxies): string | null {
  const address = request.address ?? request.socket?.remoteAddress ?? null;
  return address === null ? null : addressKey(clientAddress({ address, headers: request.headers }, trusted));
}
