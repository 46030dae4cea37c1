/** Knows the passwords that attackers try first. Offline: nothing leaves the process. */
import { brotliDecompressSync } from 'node:zlib';

let list: Promise<ReadonlySet<string>> | undefined;

/** Loaded when somebody first chooses a password. */
export function loadCommonPasswords(): Promise<ReadonlySet<string>> {
  list ??= import('./common-passwords-list.js').then(({ commonPasswordsList }) => {
    const text = brotliDecompressSync(Buffer.from(commonPasswordsList, 'base64')).toString('utf8');
    return new Set(text.split('\n'));
  });
  return list;
}
