/** The clock of the machine. */

export const systemClock: { now(): number } = { now: () => Date.now() };
