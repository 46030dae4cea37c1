/** The SQLite store however large it is: no act of a request reads through a table whose rows grow with the users. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { loadDriver, type SqliteDatabase, type SqliteStatement } from '../../src/stores/sqlite/driver.js';
import { openDatabase } from '../../src/stores/sqlite/open-database.js';
import { startAt } from './store-under-test.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  file = join(folder, 'countersign.db');
});
afterEach(() => rm(folder, { recursive: true }));

/** Every statement that a store prepares when it is opened, with what SQLite says how it will find its rows. */
async function plansOfStore(): Promise<{ readonly sql: string; readonly steps: readonly string[] }[]> {
  const Driver = await loadDriver();
  const prepared = new Set<string>();
  class RecordingDriver extends Driver implements SqliteDatabase {
    override prepare(sql: string): SqliteStatement {
      prepared.add(sql);
      return super.prepare(sql);
    }
  }
  openDatabase(RecordingDriver, { file, accessTtlSeconds: 300, mode: 'use', now: startAt }).close();
  const database = new Driver(file);
  const plan = (sql: string): string[] => {
    const parameters = [...sql.matchAll(/:(\w+)/g)].map(([, name = '']) => [name, null]);
    const rows = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(Object.fromEntries(parameters)) as { detail: string }[];
    return rows.map(({ detail }) => detail);
  };
  const plans = [...prepared].filter((sql) => !/^\s*PRAGMA/.test(sql)).map((sql) => ({ sql, steps: plan(sql) }));
  database.close();
  return plans;
}

test('every statement finds its rows by an index, but the few administrators', async () => {
  const plans = await plansOfStore();
  expect(plans.length).toBeGreaterThan(50);
  const scans = plans
    .flatMap(({ steps }) => steps)
    .filter((step) =>
      /^SCAN (?:users|other|sessions|api_keys|counters|revocations|proofs|outbox|totp_factors|recovery_codes|events)\b/.test(step),
    );
  expect(new Set(scans)).toEqual(new Set(['SCAN other USING INDEX users_enabled_admins']));
});

test('what is sorted is what one user has', async () => {
  const sorting = (await plansOfStore()).filter(({ steps }) => steps.some((step) => step.includes('TEMP B-TREE')));
  const ofOneUser = [
    'SEARCH sessions USING INDEX sessions_by_user (user_id=?)',
    'SEARCH proofs USING INDEX proofs_by_user (user_id=? AND purpose=?)',
  ];
  for (const { steps } of sorting)
    expect(
      ofOneUser.some((step) => steps.includes(step)),
      steps.join('; '),
    ).toBe(true);
});
