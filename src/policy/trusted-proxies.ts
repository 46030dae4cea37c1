/** The proxies whose forwarded headers are believed, as options name them. */
import { BlockList, isIP, isIPv6 } from 'node:net';
import type { TrustedProxies } from '../model/config.js';
import type { OptionProblems } from './option-problems.js';

const mostHops = 10;

export function resolveTrustedProxies(given: number | readonly string[] | undefined, problems: OptionProblems): TrustedProxies {
  if (given === undefined) return null;
  if (typeof given === 'number') {
    if (!Number.isInteger(given) || given < 0 || given > mostHops)
      problems.add('trustedProxies', `must be a number of hops up to ${mostHops}, or a list of addresses.`);
    return given === 0 ? null : given;
  }
  const list = new BlockList();
  for (const entry of given)
    if (!add(list, entry)) problems.add('trustedProxies', 'must be addresses or networks such as "10.0.0.5" or "10.0.0.0/8".');
  return list;
}

function add(list: BlockList, entry: string): boolean {
  const [address = '', bits, ...more] = entry.split('/');
  if (isIP(address) === 0 || more.length > 0) return false;
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const most = family === 'ipv6' ? 128 : 32;
  if (bits === undefined) list.addAddress(address, family);
  else if (/^\d{1,3}$/.test(bits) && Number(bits) <= most) list.addSubnet(address, Number(bits), family);
  else return false;
  return true;
}
