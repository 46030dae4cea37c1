/** Reads test data that no one here wrote; the folder lies beside a full checkout only. */
import { existsSync, readFileSync } from 'node:fs';

const folder = new URL('../../../shared/vectors/', import.meta.url);

export const haveVectors: boolean = existsSync(folder);

if (!haveVectors) console.warn('Skipped: the test vectors are not here. Put the folder "shared/vectors" beside the checkout to run them.');

export function readVectors<Content>(file: string): Content {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as Content;
}
