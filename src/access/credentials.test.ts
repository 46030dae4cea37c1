import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AuthError } from '../errors.js';
import { findCookie, readBearer, readHeader, withoutCookie } from './credentials.js';

const name = '__Host-cs-access';

describe('a cookie', () => {
  it.each([
    [`${name}=a.b.c`, 'a.b.c'],
    [`x=1; ${name}=a.b.c; y=2`, 'a.b.c'],
    [`x=1;${name}=a.b.c`, 'a.b.c'],
    [`\t ${name}=a.b.c ;y=2`, 'a.b.c'],
    [`${name}=`, ''],
    [`${name}=a=b`, 'a=b'],
    [`x${name}=no; ${name}=yes`, 'yes'],
    [`${name}x=no; ${name}=yes`, 'yes'],
    [`other=${name}=no; ${name}=yes`, 'yes'],
  ])('is found by its exact name in %j', (header, value) => {
    expect(findCookie(header, name)).toBe(value);
  });

  it.each([
    ['another case', '__host-cs-access=evil'],
    ['a Unicode space before its name', `\u2000${name}=evil`],
    ['a no-break space before its name', `\u00a0${name}=evil`],
    ['a next-line character before its name', `\u0085${name}=evil`],
    ['a space in its name', `${name} =evil`],
    ['no name', `=${name}=evil`],
    ['no value', name],
    ['its name as a value', `x=${name}`],
    ['a quote before its name', `"${name}=evil"`],
    ['a comma before its name', `x=1, ${name}=evil`],
  ])('is not found behind %s', (_, header) => {
    expect(findCookie(header, name)).toBeUndefined();
  });

  it('that is there twice is refused, whichever comes first', () => {
    for (const header of [`${name}=a; ${name}=b`, `${name}=a; x=1; ${name}=a`, `${name}=; ${name}=b`]) {
      expect(() => findCookie(header, name)).toThrow(AuthError);
    }
  });

  it('can be taken out of the header, however often it is there', () => {
    expect(withoutCookie('a=1; r=2; b=3', 'r')).toBe('a=1; b=3');
    expect(withoutCookie('r=2; b=3; r=4', 'r')).toBe('b=3');
    expect(withoutCookie('r=2', 'r')).toBeUndefined();
    expect(withoutCookie('xr=2;  r =3', 'r')).toBe('xr=2');
    expect(withoutCookie('a=1; rr=2; b=r', 'rr')).toBe('a=1; b=r');
    expect(withoutCookie('a=1; rr=2', 'rr')).toBe('a=1');
    expect(withoutCookie('rr=2; a=1', 'rr')).toBe('a=1');
  });

  it('is taken out wherever and however often it stands, and nothing else is', () => {
    const pair = fc.constantFrom(
      'rr=1',
      ' rr=2',
      '  rr=3',
      'rr =4',
      '\trr=5',
      'xrr=6',
      ' rrx=7',
      ' a=rr',
      ' a=rr=',
      'b=1',
      ' c=2',
      'rr',
      '',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 5 }), (pairs) => {
        const rest = pairs.filter((text) => !/^\s*rr\s*=/.test(text));
        const expected = rest.length === 0 && pairs.length > 0 ? undefined : rest.join(';').trimStart();
        expect(withoutCookie(pairs.join(';'), 'rr')).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('an Authorization header', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER abc', 'abc'],
    ['Bearer', ''],
    ['Bearer ', ''],
    ['Bearer  abc', ' abc'],
    ['Bearer\tabc', '\tabc'],
    ['Bearer a, Bearer b', 'a, Bearer b'],
  ])('%j is a bearer credential, and judged alone', (header, token) => {
    expect(readBearer(header)).toBe(token);
  });

  it.each([undefined, '', 'Basic abc', 'Bearerabc', 'Token abc', 'Basic x, Bearer y'])('%j is none', (header) => {
    expect(readBearer(header)).toBeUndefined();
  });
});

describe('headers', () => {
  it('are read from a Headers object and from what Node has, a header called "get" included', () => {
    expect(readHeader(new Headers({ cookie: 'a=1' }), 'cookie')).toBe('a=1');
    expect(readHeader({ cookie: 'a=1', get: 'b' }, 'cookie')).toBe('a=1');
    expect(readHeader({ cookie: ['a=1', 'b=2'] }, 'cookie')).toBe('a=1; b=2');
    expect(readHeader(new Headers(), 'cookie')).toBeUndefined();
  });
});
