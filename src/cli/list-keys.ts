/** The signing keys as commands show them. */
import type { Core } from '../core.js';
import type { KeyState } from '../tokens/key-ring.js';
import { minute, table } from './command.js';

export interface KeyDocument {
  readonly kid: string;
  readonly algorithm: string;
  readonly state: KeyState;
  readonly signsFrom: string;
  readonly createdAt: string;
}

/** As of the last reading of the core's key ring, oldest first. */
export async function keyDocuments(core: Core): Promise<KeyDocument[]> {
  const states = new Map([...core.ring().byHeader.values()].map(({ kid, state }) => [kid, state]));
  return (await core.store.keys.list()).map(({ kid, algorithm, signsFrom, createdAt }) => ({
    kid,
    algorithm,
    state: states.get(kid) ?? 'expired',
    signsFrom: new Date(signsFrom).toISOString(),
    createdAt: new Date(createdAt).toISOString(),
  }));
}

export function keyTable(items: readonly KeyDocument[]): string {
  const rows = items.map(({ kid, algorithm, state, signsFrom }) => [kid, algorithm, state, minute(signsFrom)]);
  return table(['KEY', 'ALGORITHM', 'STATE', 'SIGNS FROM (UTC)'], rows);
}
