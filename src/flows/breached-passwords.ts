/**
 * Asks a range service (as Have I Been Pwned runs one) whether a password is known from a breach. By k-anonymity: only the first five hex
 * digits of its SHA-1 leave the process, and the answer is searched here.
 */
import { createHash } from 'node:crypto';
import type { Logger } from '../model/app-types.js';

export type IsBreachedPassword = (password: string) => Promise<boolean>;

export interface RangeService {
  /** The digits are appended to it. */
  readonly url: string;
  readonly logger: Logger;
}

const timeoutMilliseconds = 2000;
/** A range has about 900 lines of 40 characters, padding included. */
const maxAnswerBytes = 512 * 1024;

/** A service that does not answer keeps nobody from choosing a password: this fails open, and says so in the log. */
export function createBreachCheck({ url, logger }: RangeService): IsBreachedPassword {
  return async (password) => {
    const digest = createHash('sha1').update(password, 'utf8').digest('hex').toUpperCase();
    try {
      return hasSuffix(await readRange(url + digest.slice(0, 5)), digest.slice(5));
    } catch (error) {
      logger.warn({ err: error }, 'the range service did not answer: a new password was not looked up among breached ones');
      return false;
    }
  };
}

async function readRange(url: string): Promise<string> {
  // Padded, so that the length of the answer tells nothing either.
  const response = await fetch(url, {
    headers: { 'add-padding': 'true' },
    redirect: 'error',
    signal: AbortSignal.timeout(timeoutMilliseconds),
  });
  if (!response.ok) throw new Error(`it answered ${String(response.status)}`);
  return readBounded(response);
}

async function readBounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += (chunk as Uint8Array).byteLength;
    if (bytes > maxAnswerBytes) throw new Error('its answer is too long');
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('latin1');
}

/** Lines are `SUFFIX:COUNT`; those that only pad have a count of 0. */
function hasSuffix(range: string, suffix: string): boolean {
  return range.split(/\r?\n/).some((line) => line.slice(0, 35).toUpperCase() === suffix && Number(line.slice(36)) > 0);
}
