/** What a command is, and the words that all commands speak in: options, usage errors, tables, sentences. */
import type { ParseArgsConfig } from 'node:util';

export type OptionValues = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

export interface Invocation {
  readonly values: OptionValues;
  /** As many as `operands` allows. */
  readonly operands: readonly string[];
}

export interface Command {
  /** What follows `countersign`, as in `user role NAME [--add ROLE]… [--remove ROLE]…`. */
  readonly usage: string;
  /** What it does, in lines for `--help`. */
  readonly about: string;
  readonly options: NonNullable<ParseArgsConfig['options']>;
  /** How many operands it takes. */
  readonly operands: { readonly least: number; readonly most: number };
  /** @throws {UsageError | ConfigError | AuthError} */
  run(invocation: Invocation): Promise<void>;
}

/** It was called wrongly: exit code 2. */
export class UsageError extends Error {}

/** It was called rightly and says no: exit code 1. Without a message when all is said already. */
export class RefusedError extends Error {}

export const jsonOption = { json: { type: 'boolean' } } as const;

export function textOption({ values }: Invocation, name: string): string | undefined {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
}

/** Of an option that may be given several times. */
export function textOptions({ values }: Invocation, name: string): readonly string[] {
  const value = values[name];
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}

export function flag({ values }: Invocation, name: string): boolean {
  return values[name] === true;
}

export function operand({ operands }: Invocation): string {
  return operands[0] ?? '';
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** With `--json` the document, otherwise the text. */
export function report(invocation: Invocation, document: object, text: string): void {
  print(flag(invocation, 'json') ? JSON.stringify(document, null, 2) : text);
}

/** Columns as wide as their widest cell. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function minute(instant: string | number): string {
  return new Date(instant).toISOString().slice(0, 16).replace('T', ' ');
}

/** What others wrote, fit for a terminal: without control characters and what turns text around. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, '?');
}
