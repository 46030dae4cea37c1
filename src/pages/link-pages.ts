/** The pages that links in mails open: plain, readable in light and dark, and without effect until a button is pressed. */
import { createHash } from 'node:crypto';
import { script, type PageScript } from './script.js';
import { stylesheet } from './stylesheet.js';
import { escapeHtml } from '../protocol/escape-html.js';

export interface Page {
  readonly html: string;
  readonly contentSecurityPolicy: string;
}

export function verifyEmailPage(service: string): Page {
  return page({
    service,
    title: 'Confirm your address',
    lead: 'Press the button to confirm that this address is yours.',
    button: 'Confirm address',
    done: 'Thank you.',
  });
}

export function resetPasswordPage(service: string, minLength: number): Page {
  return page({
    service,
    title: 'Set a new password',
    lead: `Choose a new password of at least ${String(minLength)} characters. All devices are signed out then.`,
    fields: `<label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="${String(minLength)}" maxlength="256" required>`,
    button: 'Set password',
    done: 'Your password is set.',
  });
}

export function notMePage(service: string): Page {
  return page({
    service,
    title: 'This was not you?',
    lead: 'Press the button to sign out all devices. You then get a mail to set a new password. If your address was changed, it is put back.',
    button: 'Sign out all devices',
    done: 'All devices are signed out.',
  });
}

interface PageParts {
  readonly service: string;
  readonly title: string;
  readonly lead: string;
  readonly fields?: string;
  readonly button: string;
  readonly done: string;
}

function page({ service, title, lead, fields = '', button, done }: PageParts): Page {
  const text = { done } satisfies PageScript;
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – ${escapeHtml(service)}</title>
<style>${stylesheet}</style>
</head>
<body>
<main>
<p class="service">${escapeHtml(service)}</p>
<h1>${title}</h1>
<p id="lead">${lead}</p>
<form id="form">
${fields}
<button type="submit">${button}</button>
</form>
<p id="status" role="status" aria-live="polite" data-done="${escapeHtml(text.done)}"></p>
<noscript><p>This page needs JavaScript, because the link must not be used up by programs that only look at it.</p></noscript>
</main>
<script>${script}</script>
</body>
</html>
`;
  return { html, contentSecurityPolicy: policyFor() };
}

/** Only this script and this style, and requests to this server alone. */
function policyFor(): string {
  const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  return [
    "default-src 'none'",
    `script-src ${hash(script)}`,
    `style-src ${hash(stylesheet)}`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join('; ');
}
