import { describe, expect, it } from 'vitest';
import { explainRefusedOrigin, judgeOrigin } from './origins.js';

const production = {
  publicUrl: { origin: 'https://app.example', hostname: 'app.example', secure: true, loopback: false },
  trustedOrigins: new Set(['https://admin.example']),
  development: false,
};
const development = {
  publicUrl: { origin: 'http://localhost:4000', hostname: 'localhost', secure: false, loopback: true },
  trustedOrigins: new Set<string>(),
  development: true,
};

const judge = (origin?: string, fetchSite?: string): string => judgeOrigin({ origin, fetchSite }, production);

describe('the origin of an unsafe request', () => {
  it.each([
    ['https://app.example', undefined],
    ['https://admin.example', undefined],
    ['https://admin.example', 'cross-site'],
    ['http://localhost:5173', 'same-origin'],
    [undefined, 'same-origin'],
  ])('%s with Sec-Fetch-Site %s is trusted', (origin, fetchSite) => {
    expect(judge(origin, fetchSite)).toBe('trusted');
  });

  it.each([
    'null',
    '',
    'https://app.example.evil',
    'https://evilapp.example',
    'https://app.example:444',
    'http://app.example',
    'https://user@app.example',
    'https://APP.example',
    'https://app.example/',
    'https://app.example, https://evil.example',
    'https://xn--app-example',
    'https://evil.example',
    '*',
  ])('%j is refused', (origin) => {
    expect(judge(origin)).toBe('refused');
    expect(judge(origin, 'cross-site')).toBe('refused');
  });

  it.each(['cross-site', 'same-site', 'none', 'Same-Origin', ''])('that is not named is refused with Sec-Fetch-Site %j', (fetchSite) => {
    expect(judge(undefined, fetchSite)).toBe('refused');
  });

  it('that is not named, without Sec-Fetch-Site either, is no browser of today', () => {
    expect(judge()).toBe('unsaid');
  });
});

describe('in development', () => {
  it('every port of the public host name is trusted, no other host is', () => {
    const at = (origin: string): string => judgeOrigin({ origin, fetchSite: 'same-site' }, development);
    expect(at('http://localhost:5173')).toBe('trusted');
    expect(at('http://localhost')).toBe('trusted');
    expect(at('http://127.0.0.1:5173')).toBe('refused');
    expect(at('http://localhost.evil:5173')).toBe('refused');
    expect(at('http://localhost:5173/')).toBe('refused');
    expect(at('ftp://localhost:5173')).toBe('refused');
  });

  it('a refusal says what would mend it', () => {
    const explain = (origin?: string): string => explainRefusedOrigin({ origin, fetchSite: undefined }, development);
    expect(explain('http://127.0.0.1:5173')).toBe('Open http://localhost:5173, not 127.0.0.1: to a browser they are two sites.');
    expect(explain('https://app.example')).toContain('Add https://app.example to trustedOrigins');
    expect(explain('null')).toContain('over http, not from a file');
    expect(explain()).toContain('another site');
  });
});
