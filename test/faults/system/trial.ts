/** One trial: nodes on a store, people and thieves who use them through a network, faults, and the verdict on all that happened. */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { SeededRandom } from '../../support/seeded-random.js';
import { checkHistory, parseHistory, type Verdict } from '../checker/check-history.js';
import { findSecrets } from '../checker/find-secrets.js';
import { Balancer, calm, type Weather } from '../driver/balancer.js';
import type { Outcome } from '../driver/client.js';
import { digestOf, History, now } from '../driver/history.js';
import { Canary } from '../driver/canary.js';
import { race, type RaceResult } from '../driver/race.js';
import { Person, usualHabits, type Habits } from '../driver/person.js';
import { Thief } from '../driver/thief.js';
import { Traffic } from '../driver/traffic.js';
import { Node } from './node.js';
import type { Place } from './places.js';

export interface TrialOptions {
  readonly folder: string;
  /** The trial closes it. */
  readonly place: Place;
  readonly nodes: readonly string[];
  /** Milliseconds by which clocks are wrong from the start, by node. */
  readonly clocks?: Readonly<Record<string, number>>;
  readonly people: number;
  readonly tabs?: number;
  readonly habits?: Partial<Habits>;
  readonly thieves?: number;
  readonly accessSeconds?: number;
  readonly windowSeconds?: number;
  readonly recoverySeconds?: number;
  readonly seed?: number;
}

export interface TrialVerdict extends Verdict {
  readonly thieves: Readonly<Record<string, number>>;
  readonly network: Readonly<Record<string, number>>;
  /** Of each client, when all was calm again. */
  readonly stock: readonly Outcome[];
}

export class Trial {
  readonly nodes: readonly Node[];
  readonly balancer: Balancer;
  readonly history: History;
  readonly traffic: Traffic;
  readonly people: readonly Person[];
  readonly random: SeededRandom;
  readonly #options: TrialOptions;
  readonly #thieves: readonly Thief[];
  readonly #racer: NewAccount;
  readonly #end = new AbortController();
  readonly #lives: Promise<void>[];

  private constructor(options: TrialOptions, { parts, accounts }: { parts: TrialParts; accounts: Accounts }) {
    this.#options = options;
    ({ nodes: this.nodes, balancer: this.balancer, history: this.history, random: this.random } = parts);
    this.traffic = new Traffic(this.history, this.balancer);
    const { traffic, random } = this;
    this.people = accounts.people.map((account) => new Person(account, { traffic, random, tabs: options.tabs ?? 2 }));
    this.#thieves = Array.from({ length: options.thieves ?? 0 }, () => new Thief(traffic, this.people, random));
    this.#racer = accounts.racer;
    const canaries = options.nodes.length > 1 ? [new Canary(accounts.canary, { traffic, nodes: options.nodes, random })] : [];
    const { signal } = this.#end;
    const patienceSeconds = 1.2 * (options.windowSeconds ?? defaultWindow);
    this.#lives = [
      ...this.people.map((person) => person.live({ ...usualHabits, ...options.habits }, signal)),
      ...this.#thieves.map((thief) => thief.live({ patienceSeconds, pauseMilliseconds: 200 }, signal)),
      ...canaries.map((canary) => canary.live(500, signal)),
    ];
  }

  /** Beside everything else that goes on. */
  race(races: number, withinSeconds: number): Promise<RaceResult> {
    return race(this.traffic, { account: this.#racer, nodes: this.#options.nodes, races, racers: 10, withinSeconds });
  }

  /** Everybody is at work when it resolves. */
  static async start(options: TrialOptions): Promise<Trial> {
    const { seed = 1, accessSeconds = 2, windowSeconds = defaultWindow } = options;
    await mkdir(options.folder, { recursive: true });
    const balancer = await Balancer.start(seed);
    const settings = {
      COUNTERSIGN_SECRET: randomBytes(32).toString('base64url'),
      COUNTERSIGN_PUBLIC_URL: `http://localhost:${balancer.port}`,
      COUNTERSIGN_ACCESS_TTL: `${accessSeconds}s`,
      COUNTERSIGN_REPLAY_WINDOW: `${windowSeconds}s`,
      COUNTERSIGN_LOG_LEVEL: 'debug',
      // Everybody here comes from one address.
      COUNTERSIGN_LOGIN_LIMIT: '999999/15m',
      COUNTERSIGN_API_LIMIT: '999999/1m',
    };
    const nodes = await Promise.all(
      options.nodes.map((name) => Node.open(name, { ...settings, ...options.place.settingsOf(name) }, balancer)),
    );
    const clocks = Object.entries(options.clocks ?? {});
    for (const [name, offset] of clocks) await nodes.find((node) => node.name === name)?.setClock(offset);
    await Promise.all(nodes.map((node) => node.start()));
    const names = [...Array.from({ length: options.people }, (_, index) => `person-${index}`), 'canary', 'racer'];
    const accounts = await Promise.all(names.map((name) => register(balancer.port, name)));
    const history = new History(join(options.folder, 'history.ndjson'), {
      boundSeconds: 5,
      windowSeconds,
      recoverySeconds: options.recoverySeconds ?? 5,
      users: accounts.map(({ id, password, name }) => ({ id, password: digestOf(password), name })),
    });
    for (const [node, offsetMilliseconds] of clocks) history.append({ kind: 'clock', at: now(), node, offsetMilliseconds });
    history.secrets.add(settings.COUNTERSIGN_SECRET);
    const [canary, racer] = accounts.slice(-2) as [NewAccount, NewAccount];
    const parts = { nodes, balancer, history, random: new SeededRandom(seed) };
    return new Trial(options, { parts, accounts: { people: accounts.slice(0, -2), canary, racer } });
  }

  /** No fault in itself: nobody must notice. */
  async setClock(name: string, offsetMilliseconds: number): Promise<void> {
    this.history.append({ kind: 'clock', at: now(), node: name, offsetMilliseconds });
    await this.node(name).setClock(offsetMilliseconds);
  }

  node(name: string): Node {
    const node = this.nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`There is no node ${name}.`);
    return node;
  }

  /** Under way as long as `work` is. */
  async fault(fault: string, work: () => Promise<unknown>): Promise<void> {
    this.history.append({ kind: 'fault', at: now(), fault, state: 'begins' });
    await work();
    this.history.append({ kind: 'fault', at: now(), fault, state: 'ends' });
  }

  /** Bad weather is a fault of its own, during which others may happen. */
  async inWeather(weather: Weather, work: () => Promise<unknown>): Promise<void> {
    this.balancer.weather = weather;
    await this.fault('bad network', work);
    this.balancer.weather = calm;
  }

  async calm(seconds: number): Promise<void> {
    await pause(seconds * 1000);
  }

  /** Ends the trial: everybody stops, looks once more whether he is signed in, and the checker decides. */
  async finish(): Promise<TrialVerdict> {
    this.#end.abort();
    await Promise.all(this.#lives);
    const stock = (await Promise.all(this.people.map((person) => person.takeStock()))).flat();
    await Promise.all(this.nodes.map((node) => node.stop()));
    await this.history.close();
    const final = await this.#options.place.finalState();
    const { violations, figures } = checkHistory(parseHistory(await readFile(this.history.file, 'utf8')), final);
    const secrets = findSecrets(this.history.secrets, Object.fromEntries(this.nodes.map(({ name, log }) => [name, log])));
    const thieves: Record<string, number> = {};
    for (const { replies } of this.#thieves)
      for (const [outcome, times] of Object.entries(replies)) thieves[outcome] = (thieves[outcome] ?? 0) + times;
    return { violations: [...violations, ...secrets], figures, thieves, network: this.balancer.counts, stock };
  }

  /** Also after a test that failed half-way. */
  async close(): Promise<void> {
    this.#end.abort();
    await Promise.all(this.nodes.map((node) => node.close()));
    this.traffic.close();
    await this.balancer.close();
    await this.#options.place.close();
  }
}

const defaultWindow = 60;

type TrialParts = Pick<Trial, 'nodes' | 'balancer' | 'history' | 'random'>;

interface Accounts {
  readonly people: readonly NewAccount[];
  readonly canary: NewAccount;
  readonly racer: NewAccount;
}

interface NewAccount {
  readonly id: string;
  readonly username: string;
  readonly password: string;
  readonly name: string;
}

async function register(port: number, username: string): Promise<NewAccount> {
  const [password, name] = [`Secret_0_${randomBytes(8).toString('hex')}`, 'name 0'];
  const body = JSON.stringify({ username, password, name });
  const response = await fetch(`http://127.0.0.1:${port}/api/auth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
  if (response.status !== 201) throw new Error(`Registration was answered ${response.status}: ${await response.text()}`);
  const { user } = (await response.json()) as { user: { id: string } };
  return { id: user.id, username, password, name };
}
