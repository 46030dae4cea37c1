/** Collects what is wrong with the options of `createAuth`, so that all of it is reported together. */
import type { ConfigProblem } from '../errors.js';
import type { Duration } from '../model/app-types.js';
import { parseDuration } from './durations.js';

export class OptionProblems {
  readonly list: ConfigProblem[] = [];

  add(path: string, message: string): void {
    this.list.push({ path, message });
  }

  /** A value that no type checker saw: a misspelt word must not quietly mean the weaker choice. */
  oneOf<Word extends string>(path: string, value: Word | undefined, words: readonly [Word, ...Word[]]): Word {
    if (value !== undefined && !words.includes(value)) this.add(path, `must be one of ${words.map((word) => `"${word}"`).join(', ')}.`);
    return value ?? words[0];
  }

  /** Options that nobody reads are options that somebody relies on. */
  onlyKnown(path: string, group: object | undefined, names: readonly string[]): void {
    for (const name of Object.keys(group ?? {}))
      if (!names.includes(name)) this.add(path + name, `is no option; there are ${names.join(', ')}.`);
  }

  duration(path: string, value: Duration | undefined, { fallback, most }: { fallback: Duration; most?: Duration }): number {
    const seconds = parseDuration(value ?? fallback);
    if (seconds === null) this.add(path, 'is no duration such as "30s", "15m", "12h" or "7d".');
    else if (most !== undefined && seconds > (parseDuration(most) ?? 0)) this.add(path, `must not be longer than ${most}.`);
    return seconds ?? 1;
  }
}
