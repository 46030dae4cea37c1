/** Whoever copies the commands of the documentation sees what it says. */
import { describe, it } from 'vitest';
import { listPages, stageOf } from './markdown.js';
import { openStage } from './stage.js';
import { walkThrough } from './walk-through.js';

interface Walk {
  readonly page: string;
  readonly on: string;
  /** Paths of the page that have another name there; the page says so. */
  readonly other?: Readonly<Record<string, string>>;
}

const walks: readonly Walk[] = [
  ...listPages().flatMap((page) => {
    const on = stageOf(page);
    return on === null ? [] : [{ page, on }];
  }),
  { page: 'README.md', on: 'stand-alone', other: { '/api/hello': '/api/users/me', '/api/secret': '/api/admin/users' } },
];

describe.concurrent('the commands of the documentation do what it says', { timeout: 60_000 }, () => {
  it.for(walks)('$page, on $on', async ({ page, on, other }, { expect }) => {
    const stage = await openStage(on);
    try {
      const { requests, differences } = await walkThrough(page, stage, other);
      expect(differences).toEqual([]);
      expect(requests).toBeGreaterThan(0);
    } finally {
      await stage.close();
    }
  });

  it('and would be noticed if they did not', async ({ expect }) => {
    const stage = await openStage('quick start');
    try {
      const { differences } = await walkThrough('README.md', stage, { '/api/hello': '/api/nowhere' });
      expect(differences[0]).toMatchObject({ printed: ['201', '200', '200', '401 token_missing', '403 insufficient_role'] });
    } finally {
      await stage.close();
    }
  });
});
