/** Limits as people write them: `10/15m`. */
import type { Limit } from '../model/limits.js';
import { parseDuration } from './durations.js';

const longestWindowSeconds = 86_400;

/** `off` for `insecure-off`; null for what makes no sense. The time is at most a day. */
export function parseLimit(text: string): Limit | 'off' | null {
  if (text === 'insecure-off') return 'off';
  const [, count = '', window = ''] = /^(\d{1,6})\/(\w+)$/.exec(text) ?? [];
  const windowSeconds = parseDuration(window);
  if (windowSeconds === null || windowSeconds > longestWindowSeconds || Number(count) < 1) return null;
  return { count: Number(count), windowSeconds };
}
