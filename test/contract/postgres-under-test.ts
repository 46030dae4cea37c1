/** The PostgreSQL store with what the public function does not let one set: the clock, and how long acts may take. */
import { openStore } from '../../dist/stores/postgres/open-store.js';
import type { Store } from '../../src/model/store.js';
import type { Opening } from '../../src/stores/postgres/open-store.js';

export function postgresStore(address: Opening['address'], overrides: Partial<Opening> = {}): Store {
  return { kind: 'postgres', open: (context) => openStore({ address, schema: 'countersign', poolSize: 10, ...overrides }, context) };
}
