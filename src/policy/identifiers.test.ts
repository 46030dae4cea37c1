import { describe, expect, it } from 'vitest';
import { parseEmail, parseUsername } from './identifiers.js';

describe('a user name', () => {
  it.each(['a', 'alice', 'Alice.B-2_c', 'x'.repeat(64)])('%j is one', (value) => {
    expect(parseUsername(value)).toEqual({ value, key: value.toLowerCase() });
  });

  it.each([
    '',
    ' alice',
    'alice ',
    '.alice',
    'alice.',
    'al ice',
    'al@ice',
    'älice',
    'аlice',
    'x'.repeat(65),
    'a\nb',
    'a\0b',
    '__proto__',
    '../x',
  ])('%j is none', (value) => {
    expect(parseUsername(value)).toBeNull();
  });
});

describe('an e-mail address', () => {
  it.each(['a@b.co', 'A.b+c@Sub.Example.com', "o'hara@example.org"])('%j is one', (value) => {
    expect(parseEmail(value)).toEqual({ value, key: value.toLowerCase() });
  });

  it.each([
    '',
    '@b.co',
    'a@',
    'a@b',
    'a@b@c.co',
    'a@x.co,b@y.co',
    'a@x.co b@y.co',
    '"a b"@x.co',
    'a@x.co\r\nBcc: b@y.co',
    'a..b@x.co',
    '.a@x.co',
    'a@-x.co',
    'a@x..co',
    'a@[127.0.0.1]',
    'a＠x.co',
    'ä@x.co',
    'a@exämple.co',
    `${'a'.repeat(65)}@x.co`,
    `a@${'x'.repeat(250)}.co`,
  ])('%j is none', (value) => {
    expect(parseEmail(value)).toBeNull();
  });
});
