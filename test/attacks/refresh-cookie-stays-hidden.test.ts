/**
 * A handler, logger or proxy of the application leaks what it sees of a request, and with it the one token that outlives the others. The
 * refresh cookie is therefore taken out of the request before the application's own code runs, wherever the request shows it.
 *
 * Proves: "the refresh cookie is taken out of the headers before an application's handlers see the request"; ASVS 5.0 V14.2, V16.2.5.
 */
import { describe, expect, test } from 'vitest';
import { send, type HeaderPairs } from '../support/http.js';
import { withApp } from '../support/over-each-carrier.js';

describe.each(['Express', 'Express behind express.json()', 'node:http'] as const)('a handler of the application (%s)', (carrier) => {
  const at = withApp({ carrier });

  test('sees neither the refresh cookie nor its value, however the headers are written, and all the rest', async () => {
    const { app } = at;
    const page = await app.signedIn();
    const [access, refresh] = [page.currentAccessToken, page.currentRefreshToken];
    const ours = `__Host-cs-refresh=${refresh}`;
    const spellings: HeaderPairs[] = [
      [['Cookie', `theme=dark; ${ours}; __Host-cs-access=${access}; lang=de`]],
      [['COOKIE', `${ours}; theme=dark; lang=de`]],
      [['cookie', `theme=dark; lang=de;${ours}`]],
      [['cookie', `theme=dark;\t${ours} ;lang=de;`]],
      [
        ['cookie', 'theme=dark; lang=de'],
        ['Cookie', ours],
      ],
      [
        ['cookie', ours],
        ['cookie', `theme=dark; lang=de; ${ours}`],
      ],
      [['cookie', `${ours}; theme=dark; ${ours}; lang=de`]],
    ];
    for (const headers of spellings) {
      const answer = await send({ port: app.port, path: '/public', headers });
      expect(answer.status).toBe(200);
      expect(answer.text, JSON.stringify(headers).slice(0, 40)).not.toContain(refresh);
      expect(answer.text).not.toContain('cs-refresh');
      expect(answer.json.headers.cookie, 'cookies of the application stay').toMatch(/theme=dark.*lang=de/);
    }
    const alone = await send({ port: app.port, path: '/public', headers: [['cookie', ours]] });
    expect(alone.json.headers).not.toHaveProperty('cookie');
    const guarded = await page.get('/hello');
    expect(guarded.text).not.toContain(refresh);
    expect(guarded.json).toMatchObject({ userId: page.userId });
  });

  test('and our own routes behind it still find it', async () => {
    const page = await at.app.signedIn();
    expect((await page.refresh()).status).toBe(200);
    expect((await page.logout()).status).toBe(200);
  });
});
