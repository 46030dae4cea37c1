/** Which address a request counts for. */
import { BlockList } from 'node:net';
import { describe, expect, it } from 'vitest';
import { addressKey, clientAddress, sourceOf } from './client-address.js';

const proxies = new BlockList();
proxies.addSubnet('10.0.0.0', 8, 'ipv4');
proxies.addSubnet('fd00::', 8, 'ipv6');
const of = (address: string | null, forwarded: string | string[] | undefined, trusted: number | BlockList | null = proxies) =>
  clientAddress({ address, headers: { 'x-forwarded-for': forwarded } }, trusted);

describe('the address of a client', () => {
  it.each([
    ['203.0.113.1', '198.51.100.1', null, '203.0.113.1'],
    ['203.0.113.1', '198.51.100.1', proxies, '203.0.113.1'],
    ['10.0.0.1', '198.51.100.1', proxies, '198.51.100.1'],
    ['10.0.0.1', '192.0.2.9, 198.51.100.1', proxies, '198.51.100.1'],
    ['10.0.0.1', '192.0.2.9, 198.51.100.1,10.0.0.7', proxies, '198.51.100.1'],
    ['10.0.0.1', '10.0.0.9, 10.0.0.8', proxies, '10.0.0.9'],
    ['fd00::1', '2001:db8::7', proxies, '2001:db8::7'],
    ['::ffff:10.0.0.1', '::ffff:198.51.100.1', proxies, '198.51.100.1'],
    ['10.0.0.1', '198.51.100.1:4711', proxies, '198.51.100.1'],
    ['10.0.0.1', '[2001:db8::7]:4711', proxies, '2001:db8::7'],
    ['10.0.0.1', 'unknown', proxies, '10.0.0.1'],
    ['10.0.0.1', '198.51.100.1, <script>', proxies, '10.0.0.1'],
    ['10.0.0.1', '', proxies, '10.0.0.1'],
    ['10.0.0.1', undefined, proxies, '10.0.0.1'],
    ['203.0.113.1', '192.0.2.9, 198.51.100.1', 1, '198.51.100.1'],
    ['203.0.113.1', '192.0.2.9, 198.51.100.1', 2, '192.0.2.9'],
    ['203.0.113.1', '198.51.100.1', 2, '198.51.100.1'],
    [null, '198.51.100.1', 1, null],
  ])('%s, forwarded for %s, trusted: %s, is %s', (address, forwarded, trusted, client) => {
    expect(of(address, forwarded, trusted)).toBe(client);
  });

  it('is found in a header that was sent twice', () => {
    expect(of('10.0.0.1', ['192.0.2.9', '198.51.100.1'])).toBe('198.51.100.1');
  });
});

describe('what a limit counts by', () => {
  it.each([
    ['203.0.113.1', '203.0.113.1'],
    [null, 'unknown address'],
    ['2001:db8:0:1:2:3:4:5', '2001:db8:0:1::/64'],
    ['2001:DB8::1', '2001:db8:0:0::/64'],
    ['2001:0db8:0000:0001::', '2001:db8:0:1::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1:2:3:4', 'fe80:0:0:0::/64'],
  ])('%s: %s', (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});

describe('the source of a request', () => {
  const forwarded = { 'x-forwarded-for': '198.51.100.1' };

  it('is the address that the core was told, or that of the connection, behind proxies the one of the client', () => {
    expect(sourceOf({ headers: forwarded, address: '203.0.113.1' }, proxies)).toBe('203.0.113.1');
    expect(sourceOf({ headers: forwarded, socket: { remoteAddress: '203.0.113.1' } }, proxies)).toBe('203.0.113.1');
    expect(sourceOf({ headers: forwarded, socket: { remoteAddress: '10.0.0.1' } }, proxies)).toBe('198.51.100.1');
    expect(sourceOf({ headers: forwarded, socket: { remoteAddress: '2001:db8:0:1::1' } }, proxies)).toBe('2001:db8:0:1::/64');
  });

  it('is nobody where the framework does not say', () => {
    for (const request of [{}, { address: null }, { socket: null }, { socket: {} }])
      expect(sourceOf({ headers: forwarded, ...request }, proxies)).toBeNull();
  });
});
