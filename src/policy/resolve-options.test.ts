import { describe, expect, it } from 'vitest';
import { masterSecret, newSecret } from '../crypto/master-secret.js';
import { ConfigError } from '../errors.js';
import type { AuthOptions } from '../model/options.js';
import { resolveOptions } from './resolve-options.js';

const secret = masterSecret(newSecret());
const store = { kind: 'none', open: () => Promise.reject(new Error('not opened here')) };
const good: AuthOptions = { publicUrl: 'https://app.example', secret, store };

function problemsOf(options: unknown): readonly string[] {
  try {
    resolveOptions(options as AuthOptions);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(({ path }) => path);
    throw error;
  }
  return [];
}

describe('the options', () => {
  it('resolve to the promised defaults', () => {
    expect(resolveOptions(good)).toMatchObject({
      audience: ['https://app.example'],
      basePath: '/api',
      delivery: 'cookie',
      tokens: { algorithm: 'ES256', accessSeconds: 900, rotateKeysSeconds: 90 * 86_400 },
      session: { idleSeconds: 7 * 86_400, absoluteSeconds: 30 * 86_400, replayWindowSeconds: 60, transientIdleSeconds: 86_400 },
      revocation: { mode: 'strict', maxStalenessSeconds: 5 },
      defaultRole: 'user',
      development: false,
    });
  });

  it('report all of their problems together, each with its path', () => {
    const problems = problemsOf({
      publicUrl: 'http://app.example',
      secret: 'cat',
      store: {},
      trustedOrigins: ['*', 'https://app.example/', 'http://app.example'],
      basePath: '/api/',
      tokens: { accessTtl: '48h', algorithm: 'none' },
      session: { idleTimeout: '10 days', absoluteLifetime: '500d' },
    });
    expect(problems).toEqual(
      expect.arrayContaining([
        'publicUrl',
        'secret',
        'store',
        'trustedOrigins[0]',
        'trustedOrigins[1]',
        'trustedOrigins[2]',
        'basePath',
        'tokens.accessTtl',
        'tokens.algorithm',
        'session.idleTimeout',
        'session.absoluteLifetime',
      ]),
    );
  });

  it.each([
    ['publicUrl', { publicUrl: 'https://app.example/path' }],
    ['publicUrl', { publicUrl: 'https://user@app.example' }],
    ['publicUrl', { publicUrl: 'nonsense' }],
    ['session.absoluteLifetime', { session: { absoluteLifetime: '401d' } }],
    ['cookies.topology', { publicUrl: 'http://localhost:4000', cookies: { topology: 'cross-site' } }],
    ['cookies.topology', { cookies: { topology: { subdomainsOf: 'other.example' } } }],
    ['cookies.sameSite', { cookies: { topology: 'cross-site', sameSite: 'strict' } }],
    ['cookies.prefix', { cookies: { prefix: 'c s' } }],
    ['tokens.audience', { tokens: { audience: [] } }],
    ['emailVerification', { identifiers: ['email'] }],
    ['roles', { roles: {} }],
    ['roles', { roles: { admin: [], user: [] } }],
    ['roles', { roles: { user: [], 1: [] } }],
    ['roles', { roles: { user: [], ['x'.repeat(65)]: [] } }],
    ['registration', { registration: 'Closed' }],
    ['delivery', { delivery: 'cookies' }],
    ['revocation.mode', { revocation: { mode: 'stritc' } }],
    ['session.lateDouble', { session: { lateDouble: 'Never' } }],
    ['cookies.sameSite', { cookies: { sameSite: 'Strict' } }],
    ['cookies.topology', { cookies: { topology: 'same-site' } }],
    ['identifiers', { identifiers: ['mail'] }],
    ['trustedOrigin', { trustedOrigin: ['https://app.example'] }],
    ['session.idle', { session: { idle: '1d' } }],
    ['trustedOrigins', { trustedOrigins: 'https://app.example' }],
  ])('refuse a wrong %s: %j', (path, change) => {
    expect(problemsOf({ ...good, ...change })).toContain(path);
  });

  it('allow a longer access token only by the name that says it is insecure', () => {
    expect(resolveOptions({ ...good, tokens: { insecureAccessTtl: '48h' } }).tokens.accessSeconds).toBe(172_800);
  });
});

describe('cookies', () => {
  const names = (options: AuthOptions): string[] =>
    Object.values(resolveOptions(options).cookies).map(({ name }: { name: string }) => name);

  it('have the __Host- prefix over https and a plain name over http on this machine', () => {
    expect(names(good)).toEqual(['__Host-cs-access', '__Host-cs-refresh', '__Host-cs-state']);
    expect(names({ ...good, publicUrl: 'http://localhost:4000' })).toEqual(['cs-access', 'cs-refresh', 'cs-state']);
  });

  it('widen only the access cookie for subdomains', () => {
    const { access, refresh, state } = resolveOptions({ ...good, cookies: { topology: { subdomainsOf: 'app.example' } } }).cookies;
    expect(access).toMatchObject({ name: '__Secure-cs-access', domain: 'app.example', secure: true });
    expect([refresh.domain, state.domain]).toEqual([null, null]);
  });

  it('are SameSite=None and partitioned across sites only', () => {
    expect(resolveOptions({ ...good, cookies: { topology: 'cross-site' } }).cookies.refresh).toMatchObject({
      sameSite: 'None',
      partitioned: true,
    });
    expect(resolveOptions({ ...good, cookies: { sameSite: 'strict' } }).cookies.refresh).toMatchObject({
      sameSite: 'Strict',
      partitioned: false,
    });
  });
});
