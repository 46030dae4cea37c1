/** Adds up the verdicts of many rounds. */
import type { Violation } from '../checker/entries.js';
import type { RaceResult } from '../driver/race.js';
import type { TrialVerdict } from './trial.js';

type Counts = Record<string, number>;

export class SoakSummary {
  readonly violations: (Violation & { readonly round: string })[] = [];
  lastRound = '';
  readonly #faults: Counts = {};
  readonly #requests: Counts = {};
  readonly #outcomes: Counts = {};
  readonly #network: Counts = {};
  readonly #thieves: Counts = {};
  readonly #unwell: Counts = {};
  readonly #propagation: number[] = [];
  readonly #recovery: number[] = [];
  #sessions = 0;
  #falseLogouts = 0;
  #longestWait = 0;
  #races = 0;

  add(round: string, verdict: TrialVerdict, { races, refused }: RaceResult): void {
    const { figures, violations } = verdict;
    addTo(this.#faults, figures.faults);
    addTo(this.#requests, figures.requests);
    addTo(this.#outcomes, figures.outcomes);
    addTo(this.#network, verdict.network);
    addTo(this.#thieves, verdict.thieves);
    addTo(this.#unwell, refused);
    for (const outcome of verdict.stock) if (outcome !== 'done') addTo(this.#unwell, { [`at the end ${outcome}`]: 1 });
    this.#propagation.push(...figures.propagation);
    this.#recovery.push(...Object.values(figures.recovery.after).flat());
    this.#sessions += figures.sessions;
    this.#falseLogouts += figures.falseLogouts;
    this.#longestWait = Math.max(this.#longestWait, figures.longestWait);
    this.#races += races;
    this.violations.push(...violations.map((violation) => ({ ...violation, round })));
    this.lastRound = `${sum(figures.requests)} requests, ${sum(figures.faults)} faults, ${violations.length} promises broken`;
    for (const { invariant, message } of violations.slice(0, 20)) console.log(`  ${invariant}: ${message}`);
  }

  get document(): object {
    return {
      requests: sum(this.#requests),
      falseLogouts: this.#falseLogouts,
      sessions: this.#sessions,
      faults: this.#faults,
      races: this.#races,
      propagation: { count: this.#propagation.length, p50: percentile(this.#propagation, 0.5), p99: percentile(this.#propagation, 0.99) },
      recovery: { p50: percentile(this.#recovery, 0.5), longest: percentile(this.#recovery, 1) },
      longestWait: this.#longestWait,
      byAct: this.#requests,
      byOutcome: this.#outcomes,
      network: this.#network,
      thieves: this.#thieves,
      unwell: this.#unwell,
      violations: this.violations,
    };
  }

  get text(): string {
    const list = (counts: Counts): string =>
      Object.entries(counts)
        .map(([name, number]) => `\n    ${String(number).padStart(8)}  ${name}`)
        .join('');
    const { length } = this.#propagation;
    return `
  ${sum(this.#requests)} requests in ${this.#sessions} sessions, ${this.#races} races for one refresh token
  false logouts: ${this.#falseLogouts}    promises broken: ${this.violations.length}
  a logout reached the other node: p50 ${percentile(this.#propagation, 0.5)} ms, p99 ${percentile(this.#propagation, 0.99)} ms (${length} measured, faults included)
  the last request failed after the end of a fault: p50 ${percentile(this.#recovery, 0.5)} ms, longest ${percentile(this.#recovery, 1)} ms
  the longest wait for an answer: ${this.#longestWait} ms
  faults${list(this.#faults)}
  answers${list(this.#outcomes)}
  lost, repeated and delayed by the network${list(this.#network)}
  what thieves were told${list(this.#thieves)}
  clients and racers who were not served${list(this.#unwell)}
`;
  }
}

function addTo(counts: Counts, more: Readonly<Counts>): void {
  for (const [name, number] of Object.entries(more)) Object.assign(counts, { [name]: (counts[name] ?? 0) + number });
}

function sum(counts: Readonly<Counts>): number {
  return Object.values(counts).reduce((total, number) => total + number, 0);
}

function percentile(values: readonly number[], share: number): number {
  return values.toSorted((one, other) => one - other)[Math.ceil(share * values.length) - 1] ?? 0;
}
