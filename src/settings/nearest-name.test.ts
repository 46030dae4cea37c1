import { expect, test } from 'vitest';
import { nearestName } from './nearest-name.js';

const names = ['ACCESS_TTL', 'REFRESH_TTL', 'ALG', 'SECRET', 'STORE'];

test.each([
  ['ACESS_TTL', 'ACCESS_TTL'],
  ['ACCESS_TTL_', 'ACCESS_TTL'],
  ['SERCET', 'SECRET'],
  ['ALGO', 'ALG'],
])('%s was probably %s', (wrong, meant) => {
  expect(nearestName(wrong, names)).toBe(meant);
});

test.each(['FOO', 'X', 'DATABASE_URL'])('%s is near to nothing', (wrong) => {
  expect(nearestName(wrong, names)).toBeNull();
});
