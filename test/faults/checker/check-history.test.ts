/** The checker itself: a good history passes, and whatever is changed in it so that a promise is broken is found. */
import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { checkHistory, parseHistory } from './check-history.js';
import type { Answer, Entry, FinalState, Invariant, Issued, Loss, Request } from './entries.js';
import { findSecrets } from './find-secrets.js';

const startedAt = 1_800_000_000_000;
const minutes15 = 900_000;

type Asked = Partial<Request> & Pick<Request, 'act'>;
type Answered = Partial<Answer> & Pick<Answer, 'status'>;

/** Writes a history: each exchange gets a name by which a test finds and changes it. */
class Story {
  readonly entries: Entry[] = [
    {
      kind: 'begin',
      at: 0,
      wallAtZero: startedAt,
      boundSeconds: 5,
      windowSeconds: 60,
      recoverySeconds: 30,
      users: [
        { id: 'ada', password: 'old', name: 'nobody' },
        { id: 'bob', password: 'bobs', name: 'bob' },
      ],
    },
  ];
  readonly names = new Map<string, number>();
  #id = 0;

  /** Takes 10 ms, whatever it is. */
  add(at: number, name: string, asked: Asked, answered: Answered | 'lost'): this {
    this.#id += 1;
    const id = this.#id;
    this.names.set(name, id);
    this.entries.push({ kind: 'request', id, at, role: 'honest', client: 'tab', user: 'ada', ...asked });
    if (answered === 'lost') this.entries.push({ kind: 'loss', id, at: at + 10, why: 'ECONNRESET' });
    else this.entries.push({ kind: 'answer', id, at: at + 10, node: 'a', ...answered });
    return this;
  }

  fault(at: number, state: 'begins' | 'ends'): this {
    this.entries.push({ kind: 'fault', at, fault: 'kill -9', state });
    this.#sort();
    return this;
  }

  request(name: string): Request {
    return this.#entry(name, 'request') as Request;
  }

  answer(name: string): Answer {
    return this.#entry(name, 'answer') as Answer;
  }

  /** In the request or in its answer, wherever the field belongs; undefined removes it. */
  change(name: string, changes: Readonly<Record<string, unknown>>): void {
    const request = this.request(name);
    for (const [field, value] of Object.entries(changes)) Object.assign(field in request ? request : this.answer(name), { [field]: value });
  }

  remove(name: string): void {
    const id = this.names.get(name);
    for (const entry of [this.request(name), this.#entry(name, 'answer')])
      if (entry !== undefined) this.entries.splice(this.entries.indexOf(entry), 1);
    if (id === undefined) throw new Error(name);
  }

  /** In a fault, or it would be one. */
  lose(name: string): void {
    const { id, at } = this.answer(name);
    this.fault(at - 20, 'begins').fault(at + 20, 'ends');
    const loss: Loss = { kind: 'loss', id, at, why: 'ECONNRESET' };
    this.entries.splice(this.entries.indexOf(this.answer(name)), 1, loss);
  }

  /** The whole exchange, in its order. */
  move(name: string, at: number): void {
    const [request, answer] = [this.request(name), this.answer(name)];
    Object.assign(request, { at });
    Object.assign(answer, { at: at + 10 });
    this.#sort();
  }

  #sort(): void {
    this.entries.sort((one, other) => one.at - other.at);
  }

  #entry(name: string, kind: Entry['kind']): Entry | undefined {
    const id = this.names.get(name);
    return this.entries.find((entry) => entry.kind === kind && 'id' in entry && entry.id === id);
  }
}

function issued(session: string, generation: number, at: number, sub = 'ada'): Issued {
  const exp = Math.floor((startedAt + at + minutes15) / 1000);
  return { access: `${session}-access-${generation}`, refresh: `${session}-${generation}`, sid: session, sub, exp };
}

const access = (session: string, generation: number): string => `${session}-access-${generation}`;
const ok = (fields: Partial<Answer> = {}): Answered => ({ status: 200, user: 'ada', ...fields });
const gone = (node = 'a'): Answered => ({ status: 401, code: 'session_revoked', node });

/** Nothing in it is forbidden, and everything that matters happens. */
function goodStory(): Story {
  const story = new Story();
  story
    .add(1_000, 'login', { act: 'login', password: 'old' }, ok({ issued: issued('s1', 0, 1_000) }))
    .add(1_500, 'read elsewhere', { act: 'read', access: access('s1', 0) }, ok({ node: 'b', name: 'nobody' }))
    .add(2_000, 'refresh', { act: 'refresh', refresh: 's1-0' }, ok({ issued: issued('s1', 1, 2_000) }))
    .add(2_100, 'double', { act: 'refresh', refresh: 's1-0', role: 'echo' }, ok({ node: 'b', issued: issued('s1', 1, 2_100) }))
    .add(3_000, 'write', { act: 'write', access: access('s1', 1), name: 'Ada' }, ok({ name: 'Ada' }))
    .add(3_100, 'read the write', { act: 'read', access: access('s1', 1) }, ok({ node: 'b', name: 'Ada' }))
    .fault(4_000, 'begins')
    .add(4_100, 'lost refresh', { act: 'refresh', refresh: 's1-1' }, 'lost')
    .fault(5_000, 'ends')
    .add(5_500, 'next refresh', { act: 'refresh', refresh: 's1-1' }, ok({ node: 'b', issued: issued('s1', 2, 5_500) }))
    .add(5_600, 'straggler', { act: 'refresh', refresh: 's1-0' }, { status: 409, code: 'refresh_superseded' })
    .add(6_000, 'list', { act: 'list', access: access('s1', 2) }, ok({ sessions: ['s1'] }));
  story
    .add(10_000, 'program', { act: 'login', client: 'program', password: 'old' }, ok({ node: 'b', issued: issued('s2', 0, 10_000) }))
    .add(11_000, 'program refresh', { act: 'refresh', client: 'program', refresh: 's2-0' }, ok({ issued: issued('s2', 1, 11_000) }))
    .add(12_000, 'program again', { act: 'refresh', client: 'program', refresh: 's2-1' }, ok({ issued: issued('s2', 2, 12_000) }))
    .add(
      100_000,
      'theft',
      { act: 'refresh', role: 'thief', client: 'thief', refresh: 's2-0' },
      { status: 401, code: 'refresh_token_replayed', node: 'b' },
    )
    .add(101_000, 'victim', { act: 'refresh', client: 'program', refresh: 's2-2' }, gone())
    .add(102_000, 'victim returns', { act: 'login', client: 'program', password: 'old' }, ok({ issued: issued('s3', 0, 102_000) }));
  const change: Asked = { act: 'password', access: access('s1', 2), refresh: 's1-2', password: 'old', newPassword: 'new' };
  story
    .add(110_000, 'change', change, ok({ issued: issued('s4', 0, 110_000) }))
    .add(110_100, 'second change', { ...change, role: 'echo' }, gone())
    .add(110_500, 'program out', { act: 'refresh', client: 'program', refresh: 's3-0' }, gone('b'))
    .add(111_000, 'old password', { act: 'login', client: 'program', password: 'old' }, { status: 401, code: 'invalid_credentials' })
    .add(112_000, 'new password', { act: 'login', client: 'program', password: 'new' }, ok({ issued: issued('s5', 0, 112_000) }))
    .add(113_000, 'read anew', { act: 'read', access: access('s4', 0) }, ok({ name: 'Ada' }))
    .add(120_000, 'logout', { act: 'logout', refresh: 's4-0' }, ok())
    .add(122_000, 'still let in', { act: 'read', role: 'thief', access: access('s4', 0) }, ok({ node: 'b', name: 'Ada' }))
    .add(123_000, 'refused at home', { act: 'read', role: 'thief', access: access('s4', 0) }, gone('a'))
    .add(127_000, 'refused elsewhere', { act: 'read', role: 'thief', access: access('s4', 0) }, gone('b'))
    .add(128_000, 'refresh after logout', { act: 'refresh', role: 'thief', refresh: 's4-0' }, gone('b'))
    .add(130_000, 'bob', { act: 'login', user: 'bob', password: 'bobs' }, ok({ user: 'bob', issued: issued('s6', 0, 130_000, 'bob') }))
    .add(
      131_000,
      'bob over',
      { act: 'login', user: 'bob', password: 'bobs', refresh: 's6-0' },
      ok({ user: 'bob', issued: issued('s7', 0, 131_000, 'bob') }),
    )
    .add(132_000, 'bob reads', { act: 'read', user: 'bob', access: access('s7', 0) }, ok({ user: 'bob', name: 'bob' }));
  return story.add(1_100_000, 'too late', { act: 'read', user: 'bob', access: access('s7', 0) }, { status: 401, code: 'token_expired' });
}

interface Mutable {
  users: { id: string; name: string | null }[];
  sessions: { id: string; user: string; generation: number; ended: string | null }[];
}

function goodEnd(): Mutable {
  const session = (id: string, generation: number, ended: string | null, user = 'ada'): Mutable['sessions'][number] => ({
    id,
    user,
    generation,
    ended,
  });
  return {
    users: [
      { id: 'ada', name: 'Ada' },
      { id: 'bob', name: 'bob' },
    ],
    sessions: [
      session('s1', 2, 'replaced'),
      session('s2', 2, 'replay'),
      session('s3', 0, 'epoch'),
      session('s4', 0, 'logout'),
      session('s5', 0, null),
      session('s6', 0, 'replaced', 'bob'),
      session('s7', 0, null, 'bob'),
    ],
  };
}

function violationsOf(change: (story: Story, final: Mutable) => void): readonly string[] {
  const [story, final] = [goodStory(), goodEnd()];
  change(story, final);
  const text = story.entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
  return checkHistory(parseHistory(text), final as FinalState).violations.map(({ invariant, message }) => `${invariant}: ${message}`);
}

const end = (final: Mutable, id: string): Mutable['sessions'][number] => final.sessions.find((session) => session.id === id)!;
const reads = (story: Story, at: number, count: number, lost: number): void => {
  for (let index = 0; index < count; index += 1) {
    const asked = { act: 'read', user: 'bob', access: access('s7', 0) } as const;
    story.add(at + index * 20, `read ${index}`, asked, index < lost ? 'lost' : ok({ user: 'bob', name: 'bob' }));
  }
};

describe('a good history', () => {
  test('passes', () => {
    expect(violationsOf(() => undefined)).toEqual([]);
  });

  const harmless: Readonly<Record<string, (story: Story, final: Mutable) => void>> = {
    'an answer that was lost, though the act was done': (story) => story.lose('write'),
    'a rotation that nobody heard of': (story, final) => {
      story.remove('next refresh');
      story.remove('straggler');
      story.remove('list');
      story.change('change', { access: access('s1', 1), refresh: 's1-1' });
      story.change('second change', { access: access('s1', 1), refresh: 's1-1' });
      end(final, 's1').generation = 2;
    },
    'a login whose answer was lost, and its session': (story, final) => {
      story.fault(139_000, 'begins').fault(141_000, 'ends');
      story.add(140_000, 'unheard', { act: 'login', user: 'bob', password: 'bobs' }, 'lost');
      final.sessions.push({ id: 's8', user: 'bob', generation: 0, ended: null });
    },
    'a change of the password of which the outcome is not known, either way': (story, final) => {
      story.lose('change');
      story.remove('second change');
      story.change('old password', { status: 200, code: undefined, issued: issued('s8', 0, 111_000) });
      for (const name of ['read anew', 'logout', 'still let in', 'refused at home', 'refused elsewhere', 'refresh after logout'])
        story.remove(name);
      final.sessions = final.sessions.filter(({ id }) => id !== 's4');
      final.sessions.push({ id: 's8', user: 'ada', generation: 0, ended: 'epoch' });
    },
    'a tab that has nothing left after another one logged out': (story) => {
      story.change('logout', { clears: true });
      story.add(120_500, 'other tab', { act: 'read', client: 'tab-1' }, { status: 401, code: 'token_missing' });
      story.add(120_600, 'its refresh', { act: 'refresh', client: 'tab-1' }, { status: 401, code: 'refresh_token_missing' });
    },
    '503 during a fault': (story) =>
      story.add(4_500, 'away', { act: 'refresh', refresh: 's1-1' }, { status: 503, code: 'store_unavailable' }),
    'a node whose clock is ahead finds tokens expired': (story) => {
      story.entries.splice(1, 0, { kind: 'clock', at: 1, node: 'b', offsetMilliseconds: 1_000_000 });
      story.change('refused elsewhere', { code: 'token_expired' });
    },
    'one request in a thousand that fails in calm': (story) => reads(story, 200_000, 1_000, 1),
  };
  test.each(Object.entries(harmless))('passes with %s', (_name, change) => {
    expect(violationsOf(change)).toEqual([]);
  });

  test('is counted', () => {
    const { figures } = checkHistory(goodStory().entries, goodEnd());
    expect(figures).toMatchObject({ faults: { 'kill -9': 1 }, sessions: 7, falseLogouts: 0, longestWait: 10 });
    expect(figures.requests['honest refresh']).toBe(8);
    expect(figures.outcomes['lost']).toBe(1);
    // Let in at b for 1,990 ms after the logout at a was acknowledged; the others were not tried elsewhere or refused at once.
    expect(figures.propagation).toEqual([1_990]);
    expect(figures.recovery.after).toEqual({ 'kill -9': [0] });
  });

  test('that the writer did not finish is read up to its last whole line', () => {
    const text = goodStory()
      .entries.map((entry) => JSON.stringify(entry))
      .join('\n');
    expect(parseHistory(text)).toHaveLength(goodStory().entries.length - 1);
  });
});

describe('found is', () => {
  const broken: readonly (readonly [Invariant, string, (story: Story, final: Mutable) => void])[] = [
    ['I1', 'a credential that nobody was issued', (story) => story.change('read elsewhere', { access: 'made-up' })],
    ['I1', 'a credential that is used before it was issued', (story) => story.move('read elsewhere', 500)],
    ['I1', 'a made-up refresh token', (story) => story.change('next refresh', { refresh: 'made-up' })],
    ['I1', "somebody else's account", (story) => Object.assign(story.answer('read elsewhere'), { user: 'bob' })],
    ['I1', 'a login that lets in as somebody else', (story) => story.change('bob', { issued: issued('s6', 0, 130_000, 'ada') })],
    [
      'I1',
      'an expired token that lets in',
      (story) => story.change('too late', { status: 200, code: undefined, user: 'bob', name: 'bob' }),
    ],
    ['I1', 'an ended session that is let in where it ended', (story) => story.change('still let in', { node: 'a' })],
    ['I1', 'an ended session that is let in elsewhere beyond the bound', (story) => story.move('still let in', 125_100)],
    ['I1', 'a session of the database that nobody asked for', (_story, final) => final.sessions.push({ ...end(final, 's7'), id: 's9' })],
    ['I1', 'a session of the database that belongs to somebody else', (_story, final) => (end(final, 's7').user = 'ada')],
    [
      'I2',
      'a session that is replaced twice',
      (story) => story.change('second change', { status: 200, code: undefined, issued: issued('s8', 0, 110_100) }),
    ],
    ['I3', 'a second child', (story) => story.change('double', { issued: { ...issued('s1', 1, 2_100), refresh: 'other' } })],
    ['I3', 'a child in another session', (story) => story.change('double', { issued: { ...issued('s1', 1, 2_100), sid: 's9' } })],
    [
      'I3',
      'a child that is an ancestor',
      (story) => story.change('next refresh', { issued: { ...issued('s1', 2, 5_500), refresh: 's1-0' } }),
    ],
    [
      'I3',
      'a grandparent that is accepted',
      (story) => story.change('straggler', { status: 200, code: undefined, issued: issued('s1', 1, 5_600) }),
    ],
    ['I3', 'a replay that goes unnoticed', (story) => story.change('theft', { status: 409, code: 'refresh_superseded' })],
    [
      'I3',
      'a replay that is accepted',
      (story) => story.change('theft', { status: 200, code: undefined, issued: issued('s2', 1, 100_000) }),
    ],
    ['I3', 'a session that is opened twice', (story) => story.change('program', { issued: issued('s1', 0, 10_000) })],
    ['I3', 'rotations that nobody can have asked for', (_story, final) => (end(final, 's5').generation = 2)],
    ['I4', 'a session that is lost', (_story, final) => (final.sessions = final.sessions.filter(({ id }) => id !== 's5'))],
    ['I4', 'a rotation that is lost', (_story, final) => (end(final, 's1').generation = 1)],
    ['I4', 'a user who is lost', (_story, final) => final.users.pop()],
    ['I4', 'a name that is lost', (_story, final) => (final.users[0]!.name = 'nobody')],
    ['I4', 'a write that another node does not show', (story) => story.change('read the write', { name: 'nobody' })],
    [
      'I4',
      'a new password that is lost',
      (story) => story.change('new password', { status: 401, code: 'invalid_credentials', issued: undefined }),
    ],
    [
      'I5',
      'a refresh after logout',
      (story) => story.change('refresh after logout', { status: 200, code: undefined, issued: issued('s4', 1, 128_000) }),
    ],
    [
      'I5',
      'a refresh after the replay was found',
      (story) => story.change('victim', { status: 200, code: undefined, issued: issued('s2', 3, 101_000) }),
    ],
    [
      'I5',
      'a refresh of another device after the password was changed',
      (story) => story.change('program out', { status: 200, code: undefined, issued: issued('s3', 1, 110_500) }),
    ],
    [
      'I5',
      'an old password that is accepted',
      (story) => story.change('old password', { status: 200, code: undefined, issued: issued('s8', 0, 111_000) }),
    ],
    [
      'I5',
      'a session that a node had refused and lets in again',
      (story) => {
        story.move('refused elsewhere', 121_000);
      },
    ],
    [
      'I5',
      'a list with a session that had ended',
      (story) => {
        story.change('list', { sessions: ['s1', 's2'] });
        story.move('list', 105_000);
      },
    ],
    ['I5', 'a logout that is not in the database', (_story, final) => (end(final, 's4').ended = null)],
    ['I5', 'a replay that did not end the session', (_story, final) => (end(final, 's2').ended = null)],
    ['I5', 'a replaced session that lives', (_story, final) => (end(final, 's6').ended = null)],
    ['I6', 'a false logout', (story) => story.change('next refresh', { status: 401, code: 'session_revoked', issued: undefined })],
    [
      'I6',
      'a false logout for an unknown token',
      (story) => story.change('next refresh', { status: 401, code: 'refresh_token_invalid', issued: undefined }),
    ],
    ['I6', 'an honest token taken for a replay', (story) => story.change('straggler', { status: 401, code: 'refresh_token_replayed' })],
    ['I6', 'a thief who ends the session inside the window', (story) => story.move('theft', 60_000)],
    [
      'I6',
      'a logout after which somebody else is out',
      (story) => story.change('bob reads', { status: 401, code: 'session_revoked', name: undefined }),
    ],
    ['I6', 'a refusal that clears the cookies', (story) => story.change('refused at home', { clears: true })],
    ['I6', 'a client who is told that it sent nothing', (story) => story.change('read elsewhere', { status: 401, code: 'token_missing' })],
    ['I6', 'a token that is called expired and is not', (story) => story.change('read elsewhere', { status: 401, code: 'token_expired' })],
    ['I6', 'a token that is called invalid', (story) => story.change('read elsewhere', { status: 401, code: 'token_invalid' })],
    [
      'I6',
      'a straggler who is none',
      (story) => story.change('next refresh', { status: 409, code: 'refresh_superseded', issued: undefined }),
    ],
    ['I6', 'a session that ended in the database for nothing', (_story, final) => (end(final, 's5').ended = 'logout')],
    ['I6', 'a session that was evicted', (_story, final) => (end(final, 's7').ended = 'evicted')],
    [
      'I6',
      'a session that ended as replayed without a thief',
      (story, final) => {
        story.remove('theft');
        story.remove('victim');
        end(final, 's2').ended = 'replay';
      },
    ],
    ['I7', 'a node that does not recover', (story) => reads(story, 200_000, 1_000, 2)],
    [
      'I7',
      'a store that is away long after the fault',
      (story) => {
        for (let at = 200_000; at < 201_000; at += 100)
          story.add(at, String(at), { act: 'read', access: 'x' }, { status: 503, code: 'store_unavailable' });
      },
    ],
    [
      'I7',
      'an error of ours instead of 503',
      (story) => story.add(4_500, 'bug', { act: 'refresh', refresh: 's1-1' }, { status: 500, code: 'internal_error' }),
    ],
  ];

  test.each(broken)('%s: %s', (invariant, _name, change) => {
    const violations = violationsOf(change);
    expect(violations.join('\n')).toMatch(new RegExp(`^${invariant}:`, 'm'));
  });
});

test('neither the checker nor the driver knows any code of ours', async () => {
  for (const folder of ['.', '../driver']) {
    for (const name of await readdir(new URL(folder + '/', import.meta.url))) {
      const text = await readFile(new URL(`${folder}/${name}`, import.meta.url), 'utf8');
      for (const [, from = ''] of text.matchAll(/(?:from|import) ?\(?'([^']+)'/g)) {
        expect(from, name).toMatch(/^(?:node:|vitest$|\.\/|\.\.\/checker\/|\.\.\/\.\.\/support\/(?:cookie-jar|seeded-random)\.js$)/);
      }
    }
  }
});

describe('a secret in a log', () => {
  const secrets = ['csr_AAAAAAAAAAAAAAAAAAAA', 'person_Secret_0_0123456789', 'short'];

  test('is found wherever it stands, and named by its line only', () => {
    const logs = { a: `fine\n{"token":"${secrets[0]}"}\n`, b: `password ${secrets[1]}, short\n` };
    expect(findSecrets(secrets, logs)).toEqual([
      { invariant: 'I10', message: 'line 2 of the log of a holds a secret' },
      { invariant: 'I10', message: 'line 1 of the log of b holds a secret' },
    ]);
  });

  test('is not found in what merely looks alike', () => {
    expect(findSecrets(secrets, { a: 'csr_AAAAAAAAAAAAAAAAAAAB short person_Secret_0_012345678' })).toEqual([]);
  });
});
