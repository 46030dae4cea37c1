/** A value that several requests write, some with an unknown outcome: what a reader may find, and what he must. */

export interface Write {
  readonly value: string;
  readonly from: number;
  /** When it had certainly taken effect; Infinity while that is unknown: it may do so at any later time. */
  until: number;
  state: 'unknown' | 'acknowledged' | 'refused';
}

/** No server of ours works on a request for longer. */
const longestWork = 30_000;

export class WrittenValue {
  readonly #writes: Write[];

  constructor(initial: string) {
    this.#writes = [{ value: initial, from: -Infinity, until: -Infinity, state: 'acknowledged' }];
  }

  begin(value: string, at: number): Write {
    const write: Write = { value, from: at, until: Infinity, state: 'unknown' };
    this.#writes.push(write);
    return write;
  }

  get writes(): readonly Write[] {
    return this.#writes.filter(({ state }) => state !== 'refused');
  }

  /** False: when the reader asked, another value had been written over this one and acknowledged, or nobody ever wrote it. */
  mayBeFound(value: string, askedAt: number): boolean {
    const { writes } = this;
    const isOver = (write: Write): boolean =>
      writes.some((later) => later.state === 'acknowledged' && write.until < later.from && later.until < askedAt);
    return writes.some((write) => write.value === value && !isOver(write));
  }

  /** True: it was written and acknowledged before the reader asked, and nothing else can have been written until he was answered. */
  mustBeFound(value: string, askedAt: number, answeredAt: number): boolean {
    const { writes } = this;
    return writes.some(
      (write) =>
        write.value === value &&
        write.state === 'acknowledged' &&
        write.until < askedAt &&
        !writes.some((other) => other !== write && other.from < answeredAt && Math.min(other.until, other.from + longestWork) > write.from),
    );
  }
}
