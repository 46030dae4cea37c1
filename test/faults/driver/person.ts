/** A person with a browser of several tabs, a program, and a password that he changes now and then. */
import { setTimeout as pause } from 'node:timers/promises';
import type { SeededRandom } from '../../support/seeded-random.js';
import { Client, type Account, type Outcome } from './client.js';
import { BrowserKeys, ProgramKeys } from './keyring.js';
import type { Traffic } from './traffic.js';

/** How often a client does what, in shares of all that it does; the rest is reading. */
export interface Habits {
  readonly write: number;
  readonly list: number;
  readonly refresh: number;
  readonly logout: number;
  readonly password: number;
  /** Longest pause between two acts, in milliseconds. */
  readonly pause: number;
}

export const usualHabits: Habits = { write: 0.15, list: 0.05, refresh: 0, logout: 0.02, password: 0.004, pause: 300 };

/** One set of credentials, and the clients that share it. */
interface Device {
  readonly keys: BrowserKeys | ProgramKeys;
  readonly clients: readonly Client[];
  readonly isLoggingIn: boolean;
}

export class Person {
  readonly account: Account;
  readonly devices: readonly Device[];
  /** After a change of which the outcome is not known, the first that is tried is the likeliest. */
  #passwords: string[];
  #isChanging = false;
  #changes = 0;
  #names = 0;
  readonly #random: SeededRandom;

  constructor(
    account: Account & { readonly password: string },
    { traffic, random, tabs }: { traffic: Traffic; random: SeededRandom; tabs: number },
  ) {
    this.account = account;
    this.#passwords = [account.password];
    this.#random = random;
    const device = (keys: Device['keys'], count: number): Device => ({
      keys,
      clients: Array.from({ length: count }, (_, index) => {
        const name = `${account.username}/${keys.delivery === 'bearer' ? 'program' : `tab-${index}`}`;
        return new Client(name, account, keys, traffic);
      }),
      isLoggingIn: false,
    });
    this.devices = [device(new BrowserKeys(), tabs), device(new ProgramKeys(), 1)];
  }

  /** Uses every client until told to stop. Never rejects for what a server does. */
  async live(habits: Habits, signal: AbortSignal): Promise<void> {
    await Promise.all(this.devices.flatMap((device) => device.clients.map((client) => this.#use(device, client, { habits, signal }))));
  }

  /** Each client once more, when all is calm: whoever thinks that he is signed in must be. */
  async takeStock(): Promise<Outcome[]> {
    const outcomes: Outcome[] = [];
    for (const device of this.devices) {
      const [first] = device.clients as [Client];
      if (!device.keys.isSignedIn || (await first.refresh()) === 'signed_out') await this.#login(device, first);
      for (const client of device.clients) outcomes.push(await client.refresh(), await client.call('read'), await client.call('list'));
    }
    return outcomes;
  }

  async #use(device: Device, client: Client, { habits, signal }: { habits: Habits; signal: AbortSignal }): Promise<void> {
    const isOver = (): boolean => signal.aborted;
    while (!isOver()) {
      await pause(this.#random.below(habits.pause));
      if (device.isLoggingIn) continue;
      const outcome = device.keys.isSignedIn ? await this.#act(device, client, habits) : 'signed_out';
      if (outcome === 'signed_out' && !isOver()) await this.#login(device, client);
    }
  }

  #act(device: Device, client: Client, habits: Habits): Promise<Outcome> {
    const random = this.#random.next();
    let share = 0;
    const falls = (act: 'write' | 'list' | 'refresh' | 'logout' | 'password'): boolean => random < (share += habits[act]);
    if (falls('write')) return this.#write(client);
    if (falls('list')) return client.call('list');
    if (falls('refresh')) return client.refresh();
    if (falls('logout')) return this.#logout(device, client);
    if (falls('password')) return this.#changePassword(client);
    return client.call('read');
  }

  #write(client: Client): Promise<Outcome> {
    this.#names += 1;
    const name = `name ${this.#names}`;
    return client.call('write', { json: { name }, name });
  }

  async #logout({ keys }: Device, client: Client): Promise<Outcome> {
    const outcome = await client.logout();
    if (outcome === 'done' && keys instanceof ProgramKeys) keys.forget();
    return outcome;
  }

  /** One at a time: a person has two hands, and one head. */
  async #changePassword(client: Client): Promise<Outcome> {
    const [currentPassword] = this.#passwords;
    if (this.#isChanging || currentPassword === undefined) return client.call('read');
    this.#isChanging = true;
    this.#changes += 1;
    const newPassword = `Secret_${this.#changes}_${this.#random.text('abcdefghkmnpqrstuvwxyz', 10)}`;
    const others = this.#passwords.slice(1);
    this.#passwords = [newPassword, currentPassword, ...others];
    const json = { currentPassword, newPassword };
    const outcome = await client.call('password', { json, password: currentPassword, newPassword });
    if (outcome === 'done') this.#passwords = [newPassword];
    if (outcome === 'refused') this.#passwords = [...others, currentPassword, newPassword];
    this.#isChanging = false;
    return outcome;
  }

  /** By the device, so that its other tabs do not log in as well. */
  async #login(device: Device, client: Client): Promise<void> {
    if (device.isLoggingIn || this.#isChanging) return;
    Object.assign(device, { isLoggingIn: true });
    for (const password of [...this.#passwords]) {
      const outcome = await client.login(password);
      if (outcome === 'refused') continue;
      if (outcome === 'done') this.#passwords = [password, ...this.#passwords.filter((other) => other !== password)];
      break;
    }
    Object.assign(device, { isLoggingIn: false });
  }
}
