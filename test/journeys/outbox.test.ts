/** The outbox with a real mail server: nothing is lost, nothing is sent twice on purpose, and nobody waits for it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { masterSecret, newSecret, type AuthEvent } from 'countersign';
import { postgres } from 'countersign/postgres';
import { smtp } from 'countersign/smtp';
import { sqlite } from 'countersign/sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createCore, type Core } from '../../dist/core.js';
import { createUser } from '../../dist/flows/manage-users.js';
import type { SenderTiming } from '../../dist/mail/sender.js';
import { MailServer, type Mood } from '../support/mail-server.js';
import { hasPostgres, PostgresServer } from '../support/postgres-server.js';

const quick: Partial<SenderTiming> = { pollMilliseconds: 50, sendMilliseconds: 15_000, leaseSeconds: 30, pausesSeconds: [0.05, 0.1] };

interface Stage {
  readonly open: (overrides?: Partial<SenderTiming>, sendsMail?: boolean) => Promise<Core>;
  readonly events: AuthEvent[];
  readonly log: object[];
  mails: MailServer;
}

function setMood({ mails }: Stage, mood: Mood): void {
  mails.mood = mood;
}

function outboxJourney(makeStore: () => Promise<() => Parameters<typeof createCore>[0]['store']>): void {
  const secret = newSecret();
  let cores: Core[];
  let store: () => Parameters<typeof createCore>[0]['store'];
  const at: Stage = {
    events: [],
    log: [],
    mails: undefined as unknown as MailServer,
    open: async (timing = {}, sendsMail = true) => {
      const note =
        (level: string) =>
        (facts: object, message: string): void =>
          void at.log.push({ level, message, ...facts, err: String((facts as { err?: unknown }).err) });
      const core = await createCore(
        {
          publicUrl: 'https://app.example.test',
          secret: masterSecret(secret),
          store: store(),
          sendMail: smtp(at.mails.url, { from: 'Example <no-reply@example.test>' }),
          onEvent: (event) => void at.events.push(event),
          logger: { info: note('info'), warn: note('warn'), error: note('error') },
        },
        { mailTiming: { ...quick, ...timing }, sendsMail },
      );
      cores.push(core);
      return core;
    },
  };

  beforeEach(async () => {
    cores = [];
    at.events.length = 0;
    at.log.length = 0;
    store = await makeStore();
    at.mails = await MailServer.start();
  });
  afterEach(async () => {
    await Promise.all(cores.map((core) => core.close()));
    await at.mails.stop();
  });

  const ask = async (core: Core, email = 'ada@example.test'): Promise<void> => {
    await core.store.outbox.add(core.postbox.rows({ kind: 'reset_asked', email, locale: null }));
    core.postbox.wake();
  };
  const withAda = async (core: Core): Promise<Core> => {
    await createUser(core, { email: 'ada@example.test' });
    return core;
  };
  const isEmpty = (core: Core): Promise<void> => expect.poll(() => core.store.outbox.nextDue(), { timeout: 10_000 }).toBeNull();

  test('a mail arrives as text and HTML, with a Message-ID by which a double would be known', async () => {
    await ask(await withAda(await at.open()));
    const [mail] = await at.mails.until(1);
    expect(mail!.to).toEqual([{ address: 'ada@example.test', name: '' }]);
    expect(mail!.from).toEqual({ address: 'no-reply@example.test', name: 'Example' });
    expect(mail!.messageId).toMatch(/^<out_[\w-]{22}@app\.example\.test>$/);
    const token = /#token=(cso_[\w-]+)/.exec(mail!.text ?? '')?.[1];
    expect(token).toHaveLength(115);
    expect(mail!.html).toContain(`href="https://app.example.test/api/auth/password/reset#token=${token ?? ''}"`);
    await isEmpty(cores[0]!);
  });

  test('a server that refuses for now, refuses for good, or hangs gets it later, and no address is in the log', async () => {
    const core = await withAda(await at.open({ sendMilliseconds: 700 }));
    for (const mood of ['refuses for now', 'refuses for good', 'hangs'] as const) {
      at.log.length = 0;
      at.mails.received.length = 0;
      setMood(at, mood);
      await ask(core);
      await expect.poll(() => at.log.filter((line) => 'attempts' in line).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(2);
      expect(at.mails.received).toEqual([]);
      setMood(at, 'takes');
      await at.mails.until(1);
      await isEmpty(core);
      expect(JSON.stringify(at.log)).not.toContain('@');
    }
    expect(at.events.filter(({ type }) => type === 'mail.failed')).toEqual([]);
  });

  test('a server that cannot be reached delays neither who asks nor closing', async () => {
    const core = await withAda(await at.open());
    setMood(at, 'hangs');
    await ask(core);
    await expect.poll(() => at.mails.sessions).toBeGreaterThan(0);
    const closed = await Promise.race([core.close().then(() => 'closed'), pause(5000, 'late')]);
    expect(closed).toBe('closed');
  });

  test('what is committed and not sent is sent by another process, once its lease is over', async () => {
    const first = await withAda(await at.open({}, false));
    await ask(first);
    await first.store.outbox.claim(10, 1);
    await at.open();
    expect(await at.mails.until(1)).toHaveLength(1);
  });

  test('after an answer that was lost the same mail comes again, under the same Message-ID and with the same link', async () => {
    const core = await withAda(await at.open({ sendMilliseconds: 700 }));
    setMood(at, 'takes, and its answer is lost');
    await ask(core);
    await at.mails.until(1);
    setMood(at, 'takes');
    const [first, second] = await at.mails.until(2);
    expect(second!.messageId).toBe(first!.messageId);
    expect(second!.text).toBe(first!.text);
    await isEmpty(core);
  });

  test('several processes on one store send each mail once', async () => {
    const core = await withAda(await at.open());
    const others = [await at.open(), await at.open()];
    const names = Array.from({ length: 12 }, (_, index) => `person${index}@example.test`);
    await Promise.all(names.map((email) => createUser(core, { email })));
    await Promise.all(names.map((email, index) => ask([core, ...others][index % 3]!, email)));
    await at.mails.until(12);
    for (const one of [core, ...others]) await isEmpty(one);
    await pause(300);
    expect(at.mails.received.map(({ to }) => to?.[0]?.address).sort()).toEqual([...names].sort());
  });

  test('what could not be sent in its time is given up, and told without an address', async () => {
    const core = await withAda(await at.open({}, false));
    const row = { id: 'out_x', kind: 'reset_password', sealedPayload: new Uint8Array([1]), lifetimeSeconds: 0 };
    await core.store.outbox.add([row]);
    await pause(5);
    const other = await at.open();
    await isEmpty(other);
    await expect.poll(() => at.events.filter(({ type }) => type === 'mail.failed')).toMatchObject([{ reason: 'reset_password' }]);
    expect(JSON.stringify(at.events)).not.toContain('@');
  });

  test('nothing of what is waiting can be read without the master secret', async () => {
    const core = await withAda(await at.open({}, false));
    await ask(core);
    const [row] = await core.store.outbox.claim(1, 60);
    expect(Buffer.from(row!.sealedPayload).includes('ada')).toBe(false);
  });
}

describe('the outbox on SQLite', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'countersign-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  outboxJourney(() => Promise.resolve(() => sqlite(join(folder, 'auth.db'))));
});

describe.skipIf(!hasPostgres())('the outbox on PostgreSQL', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await PostgresServer.start();
  });
  afterAll(() => server.remove());
  outboxJourney(async () => {
    const url = await server.createDatabase();
    return () => postgres(url);
  });
});
