/** The page of the mailbox of development: what would have been sent, newest first. */
import { createHash } from 'node:crypto';
import type { Page } from './link-pages.js';
import { stylesheet } from './stylesheet.js';
import { escapeHtml } from '../protocol/escape-html.js';

export interface ShownMail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly at: Date;
}

export function mailboxPage(mails: readonly ShownMail[]): Page {
  const shown = mails.length === 0 ? '<p>No mail yet.</p>' : mails.map(articleOf).join('\n');
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Mails (development)</title>
<style>${stylesheet}</style>
</head>
<body>
<main class="wide">
<h1>Mails</h1>
<p class="service">Of this process, while no mail server is set. Only in development, only on this machine.</p>
${shown}
</main>
</body>
</html>
`;
  const style = createHash('sha256').update(stylesheet).digest('base64');
  const nothingElse = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
  return { html, contentSecurityPolicy: `default-src 'none'; style-src 'sha256-${style}'; ${nothingElse}` };
}

function articleOf({ to, subject, text, at }: ShownMail): string {
  return `<article>
<h2>${escapeHtml(subject)}</h2>
<p class="service">To ${escapeHtml(to)}, ${at.toISOString()}</p>
<pre>${linked(text)}</pre>
</article>`;
}

/** Lines that are a link can be followed; everything else is text. */
function linked(text: string): string {
  return text
    .split('\n')
    .map((line) => (/^https?:\/\/\S+$/.test(line) ? `<a href="${escapeHtml(line)}">${escapeHtml(line)}</a>` : escapeHtml(line)))
    .join('\n');
}
