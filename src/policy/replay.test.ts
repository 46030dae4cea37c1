import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { maxRetirements, type SessionAndUser, type SessionRecord, type UserRecord } from '../model/store.js';
import { judgeRefresh } from './replay.js';
import { sessionProblem } from './session-life.js';

const rules = { replayWindowSeconds: 60, lateDouble: 'once' as const };
const user = { id: 'usr_1', disabledAt: null, sessionEpoch: 0 } as UserRecord;

function found(session: Partial<SessionRecord>, now: number, live: Partial<UserRecord> | null = {}): SessionAndUser {
  const base = { generation: 5, retirements: [], lateDoubleGeneration: null, delivery: 'cookie', epoch: 0, endedAt: null };
  const record = { ...base, idleExpiresAt: 1e9, absoluteExpiresAt: 2e9, ...session } as unknown as SessionRecord;
  return { session: record, user: live === null ? null : { ...user, ...live }, now };
}

const judge = (generation: number, state: SessionAndUser, more: Partial<typeof rules> = {}, bearer = false): unknown => {
  const verdict = judgeRefresh({ generation, bearer }, state, { ...rules, ...more });
  return verdict.kind === 'refuse'
    ? verdict.code
    : verdict.kind === 'serve_again'
      ? verdict.late
        ? 'late double'
        : 'double'
      : verdict.kind;
};

describe('the parent of the current generation', () => {
  it('is an honest double until the last millisecond of the window', () => {
    expect(judge(4, found({ retirements: [1000] }, 61_000))).toBe('double');
    expect(judge(4, found({ retirements: [1000] }, 61_001))).toBe('late double');
  });

  it('is late when the clock of the store went back, for then nobody knows', () => {
    expect(judge(4, found({ retirements: [1000] }, 999))).toBe('late double');
  });

  it('is served late once for a generation, and not in two consecutive ones', () => {
    expect(judge(4, found({ retirements: [0], lateDoubleGeneration: 5 }, 100_000))).toBe('replayed');
    expect(judge(4, found({ retirements: [0], lateDoubleGeneration: 4 }, 100_000))).toBe('replayed');
    expect(judge(4, found({ retirements: [0], lateDoubleGeneration: 3 }, 100_000))).toBe('late double');
  });

  it('is never served late where the option says so', () => {
    expect(judge(4, found({ retirements: [0] }, 100_000), { lateDouble: 'never' as never })).toBe('replayed');
  });
});

describe('an older generation', () => {
  it('is a straggler within the window and a replay after it', () => {
    expect(judge(3, found({ retirements: [50_000, 40_000] }, 100_000))).toBe('refresh_superseded');
    expect(judge(3, found({ retirements: [50_000, 40_000] }, 100_001))).toBe('replayed');
  });

  it('is a replay when its retirement was so long ago that it is not kept', () => {
    expect(judge(1, found({ retirements: [50_000] }, 50_001))).toBe('replayed');
  });

  it('is not taken for a thief when more rotations happened within the window than are kept', () => {
    const retirements = Array.from({ length: maxRetirements }, (_, index) => 50_000 - index);
    expect(judge(0, found({ generation: 200, retirements }, 51_000))).toBe('refresh_superseded');
    expect(judge(0, found({ generation: 200, retirements }, 200_000))).toBe('replayed');
  });
});

describe('a newer generation', () => {
  it('by one or two is what the store lost, and the session goes on from it', () => {
    expect(judgeRefresh({ generation: 6, bearer: false }, found({}, 0), rules)).toEqual({
      kind: 'rotate',
      from: 5,
      to: 7,
      fastForward: true,
    });
    expect(judgeRefresh({ generation: 7, bearer: false }, found({}, 0), rules)).toMatchObject({ to: 8, fastForward: true });
    expect(judge(8, found({}, 0))).toBe('refresh_token_invalid');
  });
});

describe('before any generation is looked at', () => {
  it.each<[string, SessionAndUser]>([
    ['session_revoked', found({ endedAt: 1 }, 2)],
    ['session_revoked', found({ endedAt: 1, idleExpiresAt: 1 }, 2)],
    ['refresh_token_expired', found({ idleExpiresAt: 100 }, 100)],
    ['refresh_token_expired', found({ absoluteExpiresAt: 100 }, 100)],
    ['session_revoked', found({}, 1, null)],
    ['account_disabled', found({}, 1, { disabledAt: 1, sessionEpoch: 1 })],
    ['session_revoked', found({}, 1, { sessionEpoch: 1 })],
  ])('%s is answered', (code, state) => {
    expect(sessionProblem(state)).toBe(code);
    expect(judge(0, state)).toBe(code);
  });

  it('a token in the wrong place is refused without ending the session, even an old one', () => {
    expect(judge(0, found({ delivery: 'bearer' }, 1))).toBe('refresh_token_invalid');
    expect(judge(0, found({ delivery: 'memory' }, 1), {}, true)).toBe('refresh_token_invalid');
  });

  it('a session is alive until the millisecond before it expires', () => {
    expect(sessionProblem(found({ idleExpiresAt: 100 }, 99))).toBeNull();
  });
});

describe('judged against the whole history', () => {
  /** What the store keeps of the retirements: see `SessionStore.rotate`. */
  function keep(list: readonly number[], now: number): number[] {
    const [newest] = list;
    return (newest === undefined || now - newest > rules.replayWindowSeconds * 1000 ? [now] : [now, ...list]).slice(0, maxRetirements);
  }

  it('what is kept of a session decides every generation as its whole history would', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(90_000), { minLength: 1, maxLength: 40 }), fc.nat(130_000), fc.nat(40), (pauses, wait, age) => {
        let now = 0;
        let retirements: number[] = [];
        const history: number[] = [];
        for (const pause of pauses) {
          now += pause;
          history.push(now);
          retirements = keep(retirements, now);
        }
        const generation = pauses.length;
        const presented = Math.max(0, generation - 1 - age);
        const isInside = now + wait - (history[presented] ?? 0) <= 60_000;
        const isParent = presented === generation - 1;
        const expected = isParent ? (isInside ? 'double' : 'late double') : isInside ? 'refresh_superseded' : 'replayed';
        expect(judge(presented, found({ generation, retirements }, now + wait))).toBe(expected);
      }),
      { numRuns: 2000 },
    );
  });
});
