/** Which pages follow each other: whoever goes from one to the next gets every row, and ends where the feed is. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Revocation, RevocationPage } from '../model/store.js';
import { RevocationPages, type Place, type SentPage } from './revocation-pages.js';

const pageOf = (subjects: readonly string[], position: string, more = false): RevocationPage => ({
  rows: subjects.map((subject): Revocation => ({ kind: 'session', subject, value: 0, revokedAt: 0, expiresAt: 4e12 })),
  position,
  more,
  now: 0,
});

/** What the store answers, in this order; and from where it was read. */
let answers: RevocationPage[];
let reads: (string | null)[];
let pages: RevocationPages;

beforeEach(() => {
  answers = [];
  reads = [];
  const read = async (position: string | null): Promise<RevocationPage> => {
    reads.push(position);
    return answers.shift()!;
  };
  pages = new RevocationPages({ read }, { position: 'P', more: false });
});

const textOf = ({ frames }: SentPage): string => Buffer.concat([...frames]).toString();

/** Until the place where the feed is. */
async function subjectsFrom(place: Place): Promise<string[]> {
  const subjects: string[] = [];
  for (let at = place; at.position !== pages.position;) {
    const page = await pages.after(at);
    subjects.push(...(textOf(page).match(/ses_\w+/g) ?? []));
    at = page.next;
  }
  return subjects;
}

describe('a reading of its own', () => {
  it('ends where the feed was, from where the feed goes on without another read', async () => {
    answers = [pageOf(['ses_a', 'ses_b'], 'Z')];
    const page = await pages.after({ position: null });
    expect([page.next, textOf(page)]).toEqual([{ position: 'P' }, expect.stringContaining('id: P\n')]);
    pages.step({ from: 'P', page: pageOf(['ses_b'], 'Q') });
    pages.step({ from: 'Q', page: pageOf([], 'R') });
    expect(await subjectsFrom(page.next)).toEqual(['ses_b']);
    expect(reads).toEqual([null]);
  });

  it('of several pages lacks what was committed meanwhile, and gets it from the feed', async () => {
    answers = [pageOf(['ses_a'], 'Z.1', true), pageOf(['ses_b'], 'Z')];
    const first = await pages.after({ position: null });
    // Its number is below that of the first page's last row.
    pages.step({ from: 'P', page: pageOf(['ses_late'], 'Q') });
    expect(await subjectsFrom(first.next)).toEqual(['ses_b', 'ses_late']);
    expect(reads).toEqual([null, 'Z.1']);
  });

  it('that somebody else began is followed by another, for nobody knows when that was', async () => {
    answers = [pageOf(['ses_b'], 'Z'), pageOf(['ses_late'], 'Y')];
    expect(await subjectsFrom({ position: 'X.1', begunAt: null })).toEqual(['ses_b', 'ses_late']);
    expect(reads).toEqual(['X.1', 'Z']);
  });
});

describe('what is kept', () => {
  it('is enough to follow the feed through many short pages, and no more than some long ones', async () => {
    for (let step = 0; step < 200; step += 1) pages.step({ from: step === 0 ? 'P' : `P${step}`, page: pageOf([], `P${step + 1}`) });
    expect(await subjectsFrom({ position: 'P' })).toEqual([]);
    expect(reads).toEqual([]);
    const long = Array.from({ length: 5000 }, (_, row) => `ses_${row}`);
    for (let step = 200; step < 212; step += 1) {
      pages.step({ from: `P${step}`, page: pageOf(long, `P${step + 1}`) });
      await Promise.resolve();
    }
    answers = [pageOf(['ses_read'], 'Z')];
    expect(await subjectsFrom({ position: 'P200' })).toEqual(['ses_read']);
    expect(reads).toEqual(['P200']);
  });
});
