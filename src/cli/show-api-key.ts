/** API keys as commands show them. */
import type { IssuedApiKey } from '../flows/manage-api-keys.js';
import { apiKeyDocument } from '../http/documents.js';
import type { ApiKeyDocument } from '../protocol/documents.js';
import { minute, printable, report, table, type Invocation } from './command.js';

/** The one time that the secret is shown. */
export function reportSecret(invocation: Invocation, { key, secret }: IssuedApiKey, said: string): void {
  const apiKey = apiKeyDocument(key);
  const expiry = apiKey.expiresAt === null ? 'It never expires.' : `It expires ${minute(apiKey.expiresAt)} (UTC).`;
  report(invocation, { apiKey, secret }, `${said} ${expiry}\nThe secret is shown this once:\n\n${secret}`);
}

export function apiKeyTable(items: readonly ApiKeyDocument[], now: number): string {
  const rows = items.map((key) => [
    key.id,
    printable(key.name),
    key.userId,
    key.scopes.join(','),
    stateOf(key, now),
    key.expiresAt === null ? 'never' : minute(key.expiresAt),
    key.lastUsedAt === null ? 'never' : minute(key.lastUsedAt),
  ]);
  return table(['ID', 'NAME', 'USER', 'SCOPES', 'STATE', 'EXPIRES (UTC)', 'LAST USED (UTC)'], rows);
}

function stateOf({ revokedAt, expiresAt }: ApiKeyDocument, now: number): string {
  if (revokedAt !== null) return 'revoked';
  return expiresAt !== null && Date.parse(expiresAt) <= now ? 'expired' : 'good';
}
