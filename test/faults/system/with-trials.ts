/** Gives tests their trials, closes them afterwards, and keeps the history of those that failed. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import { Trial, type TrialOptions, type TrialVerdict } from './trial.js';

export interface Trials {
  start(options: Omit<TrialOptions, 'folder'>): Promise<Trial>;
}

export function withTrials(): Trials {
  const running: { readonly trial: Trial; readonly folder: string }[] = [];
  afterEach(async ({ task }) => {
    for (const { trial, folder } of running.splice(0)) {
      await trial.close();
      if (task.result?.state === 'fail') console.log(`The history is kept in ${folder}.`);
      else await rm(folder, { recursive: true, force: true });
    }
  });
  return {
    async start(options) {
      const folder = await mkdtemp(join(tmpdir(), 'countersign-faults-'));
      const trial = await Trial.start({ ...options, folder });
      running.push({ trial, folder });
      return trial;
    },
  };
}

/** Ends it; nothing that was promised may be broken, and every client must be well again. */
export async function expectAllIsWell(trial: Trial): Promise<TrialVerdict> {
  const verdict = await trial.finish();
  const { figures, network } = verdict;
  const requests = Object.values(figures.requests).reduce((sum, number) => sum + number, 0);
  const { propagation } = figures;
  const travelled = [0.5, 0.99].map((share) => propagation[Math.floor(share * (propagation.length - 1))] ?? '-').join('/');
  console.log(
    `${requests} requests in ${figures.seconds} s, ${figures.sessions} sessions, ${figures.falseLogouts} false logouts, logouts travelled ${travelled} ms (p50/p99 of ${propagation.length}), ` +
      `longest wait ${figures.longestWait} ms, ${JSON.stringify({ faults: figures.faults, outcomes: figures.outcomes, recovery: figures.recovery.after, network, thieves: verdict.thieves })}`,
  );
  expect(verdict.violations).toEqual([]);
  expect(new Set(verdict.stock)).toEqual(new Set(['done']));
  // Otherwise nothing was shown.
  expect(figures.recovery.requests).toBeGreaterThan(20);
  return verdict;
}
