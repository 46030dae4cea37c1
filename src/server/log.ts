/** The server's log: lines of JSON in production, short readable lines in development; without anything that a request carried. */
import { pino } from 'pino';
import type { Logger } from '../model/app-types.js';
import type { LogLevel } from '../settings/table.js';

export interface ServerLogger extends Logger {
  debug(facts: object, message: string): void;
}

/** Nothing of this is ever handed to the log; should that change by mistake, it is not written all the same. */
const secrets = ['password', 'newPassword', 'currentPassword', 'token', 'accessToken', 'refreshToken', 'csrfToken', 'secret'];
const carriers = ['headers', 'body', 'query', 'cookie', 'cookies', 'authorization', 'req', 'res', 'request', 'response'];
const redacted = [...secrets, ...carriers].flatMap((name) => [name, `*.${name}`]);

export interface LogOptions {
  readonly level: LogLevel;
  readonly readable: boolean;
  /** Said in each line, where there are several. */
  readonly worker?: number;
  /** Default: standard output. */
  readonly write?: (line: string) => void;
}

export function createLogger({ level, readable, worker, write = writeOut }: LogOptions): ServerLogger {
  return pino(
    {
      level,
      base: worker === undefined ? null : { worker },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: redacted, censor: '[redacted]' },
    },
    {
      write(line: string) {
        write(readable ? readableLine(line) : line);
      },
    },
  );
}

function writeOut(line: string): void {
  process.stdout.write(line);
}

const levels: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info ', 40: 'warn ', 50: 'error', 60: 'fatal' };

interface Line {
  readonly level: number;
  readonly time: string;
  readonly msg?: string;
  readonly err?: { readonly stack?: string; readonly message?: string };
}

function readableLine(json: string): string {
  const { level, time, msg = '', err, ...facts } = JSON.parse(json) as Line;
  const words = Object.entries(facts).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const cause = err === undefined ? '' : `\n${err.stack ?? err.message ?? ''}`;
  return `${[time.slice(11, 19), levels[level] ?? String(level), msg, ...words].join(' ')}${cause}\n`;
}
