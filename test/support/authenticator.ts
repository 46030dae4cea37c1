/** An authenticator app as other people write it: RFC 6238 from its text, and nothing of ours. */
import { createHmac } from 'node:crypto';
import type { Client } from './client.js';
import type { HttpAnswer } from './http.js';

export function decodeBase32(text: string): Buffer {
  const bits = Array.from(text, (letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}

export class Authenticator {
  readonly #key: Buffer;

  /** What the app read from the QR code. */
  constructor(uri: string) {
    this.#key = decodeBase32(new URL(uri).searchParams.get('secret') ?? '');
  }

  codeAt(now: number): string {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(Math.floor(now / 30_000)));
    const mac = createHmac('sha1', this.#key).update(counter).digest();
    const offset = (mac[19] ?? 0) & 0xf;
    const number = (((mac[offset] ?? 0) & 0x7f) << 24) | (mac.readUIntBE(offset + 1, 3) & 0xffffff);
    return String(number % 1_000_000).padStart(6, '0');
  }
}

export interface EnrolledApp {
  readonly app: Authenticator;
  readonly recoveryCodes: readonly string[];
  /** Of the confirmation. */
  readonly answer: HttpAnswer;
}

/** Sets up an authenticator app for whoever is signed in. Its step is used by it: the next code is good half a minute later. */
export async function enrol(page: Client): Promise<EnrolledApp> {
  const begun = await page.post(`${page.path}/auth/mfa/totp`);
  if (begun.status !== 200) throw new Error(`mfa/totp: ${begun.outcome}`);
  const app = new Authenticator((begun.json as { uri: string }).uri);
  const answer = await page.signInAgain('/auth/mfa/totp/confirm', { code: app.codeAt(page.app.now) });
  if (answer.status !== 200) throw new Error(`mfa/totp/confirm: ${answer.outcome}`);
  const { recoveryCodes } = answer.json as { recoveryCodes: readonly string[] };
  await page.app.advance({ seconds: 30 });
  return { app, recoveryCodes, answer };
}
