/** I7: soon after a fault's end, honest requests succeed again. */
import type { Fault, Violation } from './entries.js';

const least = 0.999;

interface Outcome {
  readonly at: number;
  readonly answeredAt: number;
  readonly failed: boolean;
}

export interface RecoveryFigures {
  /** Honest requests that were asked for in calm, and how many of them failed. */
  readonly requests: number;
  readonly failed: number;
  /** By fault: from its end to the asking of the last request that failed, in milliseconds, where calm followed. */
  readonly after: Readonly<Record<string, readonly number[]>>;
}

export class Recovery {
  readonly #outcomes: Outcome[] = [];
  readonly #faults: Fault[] = [];

  fault(fault: Fault): void {
    this.#faults.push(fault);
  }

  outcome(outcome: Outcome): void {
    this.#outcomes.push(outcome);
  }

  judge(recoverySeconds: number): { readonly figures: RecoveryFigures; readonly violations: readonly Violation[] } {
    const violations: Violation[] = [];
    const after: Record<string, number[]> = {};
    let [requests, failed] = [0, 0];
    for (const { name, from, until } of this.#calms()) {
      const outcomes = this.#outcomes.filter(({ at, answeredAt }) => at >= from && answeredAt < until);
      const failures = outcomes.filter((outcome) => outcome.failed);
      if (from > -Infinity) (after[name] ??= []).push(Math.round((failures.at(-1)?.at ?? from) - from));
      const settled = outcomes.filter(({ at }) => at >= from + recoverySeconds * 1000);
      const late = settled.filter((outcome) => outcome.failed).length;
      requests += settled.length;
      failed += late;
      if (settled.length > 0 && late > (1 - least) * settled.length) {
        violations.push({
          invariant: 'I7',
          message: `${late} of ${settled.length} requests failed later than ${recoverySeconds} s after ${name}`,
        });
      }
    }
    return { figures: { requests, failed, after }, violations };
  }

  /** Stretches without any fault; the first is the time before all. */
  #calms(): { readonly name: string; readonly from: number; readonly until: number }[] {
    const calms = [];
    let [running, from, name] = [0, -Infinity, 'the start'];
    for (const { at, fault, state } of this.#faults) {
      if (running === 0 && state === 'begins') calms.push({ name, from, until: at });
      running += state === 'begins' ? 1 : -1;
      if (running === 0) [from, name] = [at, fault];
    }
    if (running === 0) calms.push({ name, from, until: Infinity });
    return calms;
  }
}
