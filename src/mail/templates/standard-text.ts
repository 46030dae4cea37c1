/** Puts a mail together, as text and as HTML that needs nothing from elsewhere; everything that is not ours is escaped. */
import type { MailFacts, MailText } from '../../model/mail.js';
import { wordsOf, type Words } from './words.js';
import { escapeHtml } from '../../protocol/escape-html.js';

const notMeWords = 'This was not you? Sign out all devices and set a new password:';

export function standardText(facts: MailFacts): MailText {
  const words = wordsOf(facts);
  return { subject: words.subject, text: plainText(facts, words), html: html(facts, words) };
}

function plainText({ link, code, notMeLink }: MailFacts, { before, after }: Words): string {
  const parts = [
    ...before,
    ...(link === null ? [] : [link]),
    ...(code === null ? [] : [`Or, where you are signed in, type this code: ${code}`]),
    ...after,
    ...(notMeLink === null ? [] : [notMeWords, notMeLink]),
  ];
  return `${parts.join('\n\n')}\n`;
}

const styles = {
  body: 'margin:0;padding:24px;background:#f4f4f5;color:#18181b;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif',
  card: 'max-width:520px;margin:0 auto;padding:24px 28px;background:#ffffff;border-radius:8px',
  button: 'display:inline-block;padding:12px 20px;background:#1d4ed8;color:#ffffff;text-decoration:none;border-radius:6px;font-weight:600',
  code: 'font:600 28px/1.2 ui-monospace,Menlo,Consolas,monospace;letter-spacing:6px',
  small: 'color:#52525b;font-size:14px;word-break:break-all',
} as const;

function html(facts: MailFacts, { subject, before, button, after }: Words): string {
  const paragraph = (text: string): string => `<p>${escapeHtml(text)}</p>`;
  const { link, code, notMeLink } = facts;
  const parts = [
    ...before.map(paragraph),
    ...(link === null || button === null ? [] : [linkPart(link, button)]),
    ...(code === null ? [] : [`<p>Or, where you are signed in, type this code:</p><p style='${styles.code}'>${escapeHtml(code)}</p>`]),
    ...after.map(paragraph),
    ...(notMeLink === null ? [] : [paragraph(notMeWords), linkPart(notMeLink, 'This was not me')]),
  ];
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light"><title>${escapeHtml(subject)}</title></head>
<body style='${styles.body}'><div style='${styles.card}'>
${parts.join('\n')}
</div></body>
</html>
`;
}

function linkPart(link: string, label: string): string {
  const to = escapeHtml(link);
  return `<p><a href="${to}" style='${styles.button}'>${escapeHtml(label)}</a></p>\n<p style='${styles.small}'>${to}</p>`;
}
