/** The other tabs of this browser: tells them what happened here, and lets one of them refresh at a time. Both only spare work. */

/** A tab that is frozen while it holds the lock must not freeze this one: the server takes the same refresh from both. */
const longestWaitMilliseconds = 3000;

export class Tabs<Message> {
  readonly #name: string;
  readonly #channel: BroadcastChannel | null;

  constructor(name: string, onMessage: (message: Message) => void) {
    this.#name = name;
    this.#channel = typeof document === 'undefined' || typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel(name);
    if (this.#channel !== null) this.#channel.onmessage = ({ data }) => onMessage(data as Message);
  }

  post(message: Message): void {
    this.#channel?.postMessage(message);
  }

  /** Does the work while no other tab does the same. `hasWaited`: another one has just done it. */
  async oneAtATime<Value>(work: (hasWaited: boolean) => Promise<Value>): Promise<Value> {
    // Only pages of secure origins have locks.
    const locks = typeof document === 'undefined' ? undefined : (navigator as Partial<Navigator>).locks;
    if (locks === undefined) return work(false);
    let hasBegun = false as boolean;
    const begin = (hasWaited: boolean): Promise<Value> => {
      hasBegun = true;
      return work(hasWaited);
    };
    try {
      const free = await locks.request(this.#name, { ifAvailable: true }, async (lock) => lock && { value: await begin(false) });
      if (free !== null) return free.value;
      return await locks.request(this.#name, { signal: AbortSignal.timeout(longestWaitMilliseconds) }, () => begin(true));
    } catch (error) {
      if (hasBegun) throw error;
      // Waited too long, or no locks for this page.
      return work(false);
    }
  }

  close(): void {
    this.#channel?.close();
  }
}
