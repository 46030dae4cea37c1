import { expect, it } from 'vitest';
import { createRouteFinder } from './find-route.js';
import { routes } from './routes.js';

const find = createRouteFinder(routes, '/api');

it('finds a path as it is written in the table', () => {
  expect([...(find('/api/auth/sessions')?.byMethod.keys() ?? [])]).toEqual(['GET', 'DELETE']);
  expect(find('/api/admin/users/usr_1-x/roles')?.params).toEqual({ id: 'usr_1-x' });
  expect(find('/.well-known/jwks.json')).not.toBeNull();
});

it.each([
  '/api/auth/login/',
  '//api/auth/login',
  '/api//auth/login',
  '/api/auth/LOGIN',
  '/api/auth/login;x=1',
  '/api/auth/%6cogin',
  '/api/./auth/login',
  '/api/x/../auth/login',
  '/api/auth\\login',
  '/auth/login',
  '/api/.well-known/jwks.json',
  '/api/admin/users/a/b',
  '/api/admin/users/a%2fb',
  '/api/admin/users/',
  '/api/auth/login\n',
  '__proto__',
  'http://localhost/api/auth/login',
])('knows no other spelling of a path: %j', (path) => {
  expect(find(path)).toBeNull();
});
