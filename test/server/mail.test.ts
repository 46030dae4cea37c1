/** The stand-alone server and its mail: by SMTP, killed between commit and sending, and the mailbox of development. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MailServer } from '../support/mail-server.js';
import { ServerHome } from './server-process.js';

let home: ServerHome;
let mails: MailServer;

beforeEach(async () => {
  home = await ServerHome.open();
  mails = await MailServer.start();
});
afterEach(async () => {
  await home.close();
  await mails.stop();
});

const account = { username: 'ada', email: 'ada@example.com', password: 'correct horse battery staple' };

async function post(path: string, body: object): Promise<number> {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(`http://localhost:${home.port}/api${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).status;
}

describe('with a mail server', () => {
  const settings = (): NodeJS.Dict<string> => ({
    COUNTERSIGN_SMTP_URL: mails.url,
    COUNTERSIGN_MAIL_FROM: 'Example <no-reply@example.com>',
  });

  test('a link goes out at registration, and does what it says', async () => {
    await home.start(settings());
    expect(await post('/auth/register', account)).toBe(201);
    const [mail] = await mails.until(1);
    const [link = ''] = /http:\/\/localhost:\d+\/\S+/.exec(mail!.text ?? '') ?? [];
    expect(link).toContain(`http://localhost:${home.port}/api/auth/email/verify#token=`);
    expect(await post('/auth/email/verify', { token: link.split('#token=')[1] })).toBe(200);
  });

  test('killed between commit and sending, it loses no mail', async () => {
    mails.mood = 'hangs';
    const server = await home.start(settings());
    for (let index = 0; index < 5; index += 1)
      expect(await post('/auth/register', { ...account, username: `ada${index}`, email: `ada${index}@example.com` })).toBe(201);
    await server.kill();
    expect(mails.received).toEqual([]);
    mails.mood = 'takes';
    await home.start(settings());
    // What it had claimed is free again when its lease is over.
    expect(await post('/auth/password/forgot', { email: 'ada0@example.com' })).toBe(202);
    await expect.poll(() => mails.received.length, { timeout: 150_000, interval: 500 }).toBeGreaterThanOrEqual(6);
    const asked = mails.received.filter(({ subject }) => subject?.startsWith('Confirm')).map(({ to }) => to?.[0]?.address);
    expect(asked.sort()).toEqual(Array.from({ length: 5 }, (_, index) => `ada${index}@example.com`));
  }, 200_000);

  test('a command that causes a mail leaves it to the server', async () => {
    await home.start(settings());
    await home.run(['user', 'create', '--username', 'bob', '--email', 'bob@example.com', '--password-stdin'], {
      input: `${account.password}\n`,
      settings: settings(),
    });
    const changed = await home.run(['user', 'password', 'bob', '--password-stdin'], {
      input: 'another horse and battery\n',
      settings: settings(),
    });
    expect(changed.code, changed.output).toBe(0);
    const [mail] = await mails.until(1);
    expect(mail!.subject).toBe('Your password at localhost was changed');
  });

  test('what is set wrong is told under its name, without the password', async () => {
    const { code, output } = await home.fail({ COUNTERSIGN_SMTP_URL: 'http://user:hunter2@mail', COUNTERSIGN_MAIL_FROM: 'a, b' });
    expect(code).toBe(1);
    expect(output).toContain('COUNTERSIGN_SMTP_URL');
    expect(output).toContain('COUNTERSIGN_MAIL_FROM');
    expect(output).not.toContain('hunter2');
    expect((await home.fail({ COUNTERSIGN_SMTP_URL: mails.url })).output).toContain('COUNTERSIGN_MAIL_FROM  is missing');
  });
});

describe('without a mail server', () => {
  const page = (headers: Record<string, string> = {}, host = 'localhost'): Promise<Response> =>
    fetch(`http://${host}:${home.port}/api/auth/development/mails`, { headers });

  test('in development a mail is printed, and can be read at a page of this machine alone', async () => {
    const server = await home.start();
    await post('/auth/register', account);
    await server.untilPrinted('| Subject: Confirm your address');
    expect(server.output).toContain('#token=cso_');
    const shown = await page();
    expect(shown.status).toBe(200);
    expect(shown.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(await shown.text()).toContain('Confirm your address for localhost');
    expect((await page({ 'x-forwarded-for': '203.0.113.7' })).status).toBe(404);
    expect((await page({}, '127.0.0.1')).status).toBe(200);
  });

  test('a page of another site that has its name resolved to this machine does not get it', async () => {
    await home.start();
    const { status } = await rawGet(home.port, 'rebound.example.com');
    expect(status).toBe(404);
  });

  test('under production rules there is no such page, nothing is sent, and it is said', async () => {
    const server = await home.start({
      NODE_ENV: 'production',
      COUNTERSIGN_PUBLIC_URL: 'https://auth.example.com',
      HOST: '127.0.0.1',
      COUNTERSIGN_SECRET: 'mVDFcdk8ynZbYKsN0tGfJxQeT5ohLuRwA2iXp9B4C7E',
    });
    expect(server.output).toContain('no mail is sent');
    expect((await page()).status).toBe(404);
    const headers = { 'content-type': 'application/json', origin: 'https://auth.example.com' };
    const asked = await fetch(`http://127.0.0.1:${home.port}/api/auth/password/forgot`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ email: 'ada@example.com' }),
    });
    expect(asked.status).toBe(202);
    await server.untilPrinted('no mail is set up: nothing was sent');
  });

  test('registration by e-mail alone is refused at the start there, and so is a demand for verified accounts', async () => {
    const production = {
      NODE_ENV: 'production',
      COUNTERSIGN_PUBLIC_URL: 'https://auth.example.com',
      COUNTERSIGN_SECRET: 'mVDFcdk8ynZbYKsN0tGfJxQeT5ohLuRwA2iXp9B4C7E',
    };
    expect((await home.fail({ ...production, COUNTERSIGN_IDENTIFIERS: 'email' })).output).toContain('set COUNTERSIGN_SMTP_URL');
    expect((await home.fail({ ...production, COUNTERSIGN_UNVERIFIED_ACCOUNTS: 'refuse' })).output).toContain('set COUNTERSIGN_SMTP_URL');
  });
});

async function rawGet(port: number, host: string): Promise<{ status: number }> {
  const { request } = await import('node:http');
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/api/auth/development/mails', headers: { host } }, (answer) => {
      answer.resume();
      resolve({ status: answer.statusCode ?? 0 });
    });
    asked.on('error', reject);
    asked.end();
  });
}
