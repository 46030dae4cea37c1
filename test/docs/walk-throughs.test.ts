/** Whoever copies the commands of the documentation sees what it says. */
import { describe, expect, it } from 'vitest';
import { listPages, stageOf } from './markdown.js';
import { openStage } from './stage.js';
import { walkThrough } from './walk-through.js';

const pages = listPages().flatMap((page) => {
  const stage = stageOf(page);
  return stage === null ? [] : [{ page, stage }];
});

describe('the commands of the documentation do what it says', { timeout: 60_000 }, () => {
  it.each(pages)('$page, on $stage', async ({ page, stage: name }) => {
    const stage = await openStage(name);
    try {
      const { requests, differences } = await walkThrough(page, stage);
      expect(differences).toEqual([]);
      expect(requests).toBeGreaterThan(0);
    } finally {
      await stage.close();
    }
  });
});
