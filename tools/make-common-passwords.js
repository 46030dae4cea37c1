/**
 * Makes the list of passwords that nobody may choose, from the list that zxcvbn ranks guesses by: those that are long enough to be accepted
 * otherwise, in lower case. Run after an update of `@zxcvbn-ts/language-common`: `node tools/make-common-passwords.js`.
 */
import { writeFileSync } from 'node:fs';
import { brotliCompressSync } from 'node:zlib';
import common from '@zxcvbn-ts/language-common';

const leastLength = 8;
const passwords = common.dictionary['passwords-common'].map((password) => password.normalize('NFC').toLowerCase());
const kept = [...new Set(passwords)].filter((password) => Array.from(password).length >= leastLength).sort();
const text = `/** ${kept.length.toLocaleString('en')} much-used passwords, a line each, compressed. Made by \`node tools/make-common-passwords.js\`. */
export const commonPasswordsList: string =
  '${brotliCompressSync(kept.join('\n')).toString('base64')}';
`;
writeFileSync(new URL('../src/policy/common-passwords-list.ts', import.meta.url), text);
console.log(`${kept.length} passwords, ${text.length} bytes`);
