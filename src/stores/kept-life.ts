/** The longest access-token life as every store keeps it in its table `meta`, and how it grows and runs out. */

/** `until`: when the last token of that life has run out, if shorter ones are configured by now. */
export interface KeptLife {
  readonly seconds: number;
  readonly until: number | null;
}

/** What should be kept when a process that is configured so writes, and so issues. The same values when there is nothing to change. */
export function settledLife(kept: KeptLife | null, configuredSeconds: number, now: number): KeptLife {
  const hasRunOut = typeof kept?.until === 'number' && kept.until <= now;
  if (kept === null || hasRunOut || configuredSeconds >= kept.seconds) return { seconds: configuredSeconds, until: null };
  return { seconds: kept.seconds, until: kept.until ?? now + kept.seconds * 1000 };
}

export function isSameLife(one: KeptLife | null, other: KeptLife): boolean {
  return one !== null && one.seconds === other.seconds && one.until === other.until;
}
