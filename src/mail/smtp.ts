/** `countersign/smtp`: sends mails through an SMTP server, by the package `nodemailer`. */
import type { Transporter } from 'nodemailer';
import { ConfigError, type ConfigProblem } from '../errors.js';
import type { SendMail } from '../model/mail.js';

export interface SmtpOptions {
  /** The sender: `Example <no-reply@example.com>`. */
  readonly from: string;
}

/** A server that says nothing for so long has failed; the mail is tried again. */
const waits = { connectionTimeout: 10_000, greetingTimeout: 10_000, socketTimeout: 20_000, dnsTimeout: 10_000 } as const;

/**
 * For the option `sendMail`. A server with a user name gets it only over TLS: `smtps://`, or STARTTLS, which is demanded then.
 * @param url `smtps://user:password@host:465`, or `smtp://host:587`
 * @throws {ConfigError} for a URL or sender that cannot be, and while `nodemailer` is missing
 */
export function smtp(url: string, { from }: SmtpOptions): SendMail {
  const at = parseUrl(url);
  const problems: ConfigProblem[] = [];
  if (at === null) {
    const example = 'smtps://user:password@host:465';
    const message = `needs a URL such as ${example}; in user and password, "@", "/", ":", "?" and "#" are written %40, %2F, %3A, %3F and %23.`;
    problems.push({ path: 'sendMail', message });
  }
  if (!isSender(from)) problems.push({ path: 'sendMail.from', message: 'must be a sender such as "Example <no-reply@example.com>".' });
  if (!isInstalled()) problems.push({ path: 'sendMail', message: 'sending mail needs the package nodemailer: run `npm i nodemailer`.' });
  if (at === null || problems.length > 0) throw new ConfigError(problems);
  let transporter: Promise<Transporter> | undefined;
  return async (mail) => {
    transporter ??= open(at);
    await (await transporter).sendMail({ from, ...mail, disableUrlAccess: true, disableFileAccess: true });
  };
}

function isInstalled(): boolean {
  try {
    import.meta.resolve('nodemailer');
    return true;
  } catch {
    return false;
  }
}

async function open(url: URL): Promise<Transporter> {
  const { createTransport } = await import('nodemailer');
  const secure = url.protocol === 'smtps:';
  const auth = url.username === '' ? {} : { auth: { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } };
  return createTransport({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    requireTLS: !secure && url.username !== '',
    ...auth,
    ...waits,
  });
}

function parseUrl(text: string): URL | null {
  if (!/^smtps?:\/\//.test(text) || !URL.canParse(text)) return null;
  const url = new URL(text);
  return url.hostname !== '' && /^\/?$/.test(url.pathname) && url.search === '' && url.hash === '' ? url : null;
}

/** One address, with a name before it or not; no line breaks, which would begin another header. */
function isSender(text: string): boolean {
  return /^(?:[^<>\r\n,]*<[^\s<>@,]+@[^\s<>@,]+>|[^\s<>@,]+@[^\s<>@,]+)$/.test(text);
}
