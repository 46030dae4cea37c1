/** What every store of record promises, as tests that any implementation runs: the docstrings of `src/model/store.ts`, races included. */
import { describe } from 'vitest';
import { apiKeysContract } from './api-keys-contract.js';
import { countersContract } from './counters-contract.js';
import { factorsContract } from './factors-contract.js';
import { eventsContract } from './events-contract.js';
import { outboxContract } from './outbox-contract.js';
import { proofsContract } from './proofs-contract.js';
import { sessionsContract } from './sessions-contract.js';
import type { MakeStore } from './store-under-test.js';
import { usersContract } from './users-contract.js';
import { wholeStoreContract } from './whole-store-contract.js';

export function storeContract(name: string, makeStore: MakeStore): void {
  describe(`${name} keeps the contract of a store`, () => {
    usersContract(makeStore);
    sessionsContract(makeStore);
    countersContract(makeStore);
    apiKeysContract(makeStore);
    outboxContract(makeStore);
    proofsContract(makeStore);
    factorsContract(makeStore);
    eventsContract(makeStore);
    wholeStoreContract(makeStore);
  });
}
