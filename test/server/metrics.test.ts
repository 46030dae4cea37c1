/** The figures that operators watch: there for who has the token, whole with several workers, and without a word of what clients sent. */
import { setTimeout as pause } from 'node:timers/promises';
import { newSecret } from 'countersign';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Line } from './line.js';
import { ServerHome, type ServerProcess } from './server-process.js';

const token = newSecret();

let place: ServerHome;
let lines: Line[];

beforeEach(async () => {
  place = await ServerHome.open();
  lines = [];
});

afterEach(async () => {
  for (const line of lines) line.close();
  await place.close();
});

function read(authorization?: string, method = 'GET'): Promise<Response> {
  return fetch(`http://127.0.0.1:${place.port}/metrics`, {
    method,
    ...(authorization === undefined ? {} : { headers: { authorization } }),
  });
}

/** Values by name and labels, as they are written. */
async function figures(): Promise<Map<string, number>> {
  const text = await (await read(`Bearer ${token}`)).text();
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}

function line(): Line {
  const made = new Line(place.port);
  lines.push(made);
  return made;
}

describe('metrics', () => {
  test('are not there while no token is set', async () => {
    await place.start();
    const answer = await read(`Bearer ${token}`);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([404, 'not_found']);
  });

  test('are for who has the token, and for nobody else', async () => {
    const server = await place.start({ COUNTERSIGN_METRICS_TOKEN: token });
    const wrong = [undefined, 'Bearer ', `Bearer ${token}x`, `Bearer ${token.slice(1)}`, `Basic ${token}`, 'Bearer ÿ'];
    for (const authorization of wrong) {
      const answer = await read(authorization);
      expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(/^Bearer/)]);
      expect(await answer.text()).not.toContain('countersign_');
    }
    const answer = await read(`Bearer ${token}`);
    expect([answer.status, answer.headers.get('content-type'), answer.headers.get('cache-control')]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
      'no-store',
    ]);
    expect((await read(`Bearer ${token}`, 'HEAD')).status).toBe(200);
    expect((await read(`Bearer ${token}`, 'POST')).status).toBe(405);
    expect(server.output).not.toContain(token);
  });

  test('count answers and refreshes, and know revocations', async () => {
    await place.start({ COUNTERSIGN_METRICS_TOKEN: token });
    const client = line();
    await client.register('ada');
    const before = await figures();
    const signed = await client.login('ada');
    await client.refresh(signed);
    await client.refresh({ refreshToken: 'csr_nonsense' });
    for (let count = 0; count < 5; count += 1) await client.profile({ accessToken: 'nonsense' });
    await client.call('POST', '/api/auth/logout', { json: { refreshToken: signed.refreshToken } });
    const after = await figures();
    const more = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
    // One of them is the reading before.
    expect(more('countersign_http_answers_total{status="2xx"}')).toBe(4);
    expect(more('countersign_http_answers_total{status="4xx"}')).toBe(6);
    expect(more('countersign_refreshes_total{status="2xx"}')).toBe(1);
    expect(more('countersign_refreshes_total{status="4xx"}')).toBe(1);
    expect(after.get('countersign_revocation_entries')).toBe(1);
    expect(after.get('countersign_revocation_fresh')).toBe(1);
    expect(after.get('countersign_revocation_age_seconds')).toBeLessThan(5);
    expect(after.get('process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(after.get('process_start_time_seconds')).toBeGreaterThan(1e9);
  });

  test('hold nothing that a client sent', async () => {
    await place.start({ COUNTERSIGN_METRICS_TOKEN: token });
    const client = line();
    await client.register('ada');
    const signed = await client.login('ada');
    await client.call('GET', '/canary?canary', { token: 'canary' });
    await client.call('CANARY', '/canary');
    const text = await (await read(`Bearer ${token}`)).text();
    for (const word of ['canary', 'CANARY', 'ada', token, signed.accessToken, signed.refreshToken]) expect(text).not.toContain(word);
  });
});

describe('metrics of two workers', () => {
  async function startTwo(): Promise<ServerProcess> {
    const server = await place.start({ COUNTERSIGN_METRICS_TOKEN: token, COUNTERSIGN_WORKERS: '2', COUNTERSIGN_LOG_LEVEL: 'debug' });
    await server.untilPrinted('listening');
    return server;
  }

  test('are those of both, whichever is asked, and say how long a revocation took from one to the other', async () => {
    const server = await startTwo();
    const [one, other] = [await Line.toWorker(server, 1), await Line.toWorker(server, 2)];
    lines.push(one, other);
    await one.register('ada');
    const { refreshToken } = await one.login('ada');
    await one.call('POST', '/api/auth/logout', { json: { refreshToken } });
    for (let count = 0; count < 3; count += 1) await other.profile({ accessToken: 'nonsense' });
    await expect.poll(async () => (await figures()).get('countersign_revocation_propagation_seconds_count{worker="2"}')).toBe(1);
    for (let reading = 0; reading < 4; reading += 1) {
      const all = await figures();
      expect(all.get('countersign_revocation_entries{worker="1"}')).toBe(1);
      expect(all.get('countersign_revocation_entries{worker="2"}')).toBe(1);
      expect(all.get('countersign_http_answers_total{status="4xx",worker="2"}')).toBe(3);
      expect(all.get('countersign_revocation_propagation_seconds_count{worker="1"}')).toBe(0);
      expect(all.get('countersign_revocation_propagation_seconds_bucket{worker="2",le="+Inf"}')).toBe(1);
      expect(all.get('countersign_revocation_propagation_seconds_bucket{worker="2",le="0.5"}')).toBe(1);
    }
  });

  test('lack one that hangs, and are read all the same', async () => {
    const server = await startTwo();
    const own = await Line.toWorker(server, 1);
    lines.push(own);
    const seen: string[][] = [];
    for (const pid of await server.workers()) {
      process.kill(pid, 'SIGSTOP');
      const text = await Promise.race([own.text('/metrics', token), pause(3000, '')]);
      seen.push([...text.matchAll(/revocation_entries\{worker="(\d)"\}/g)].map(([, worker]) => worker!));
      process.kill(pid, 'SIGCONT');
    }
    expect(seen.toSorted()).toEqual([[], ['1']]);
  });

  test('are read while the workers are restarted', async () => {
    const server = await startTwo();
    server.process.kill('SIGHUP');
    while (!server.output.includes('all workers were restarted')) {
      const all = await figures();
      expect([...all.keys()].filter((name) => name.startsWith('countersign_revocation_entries'))).not.toEqual([]);
    }
    expect((await figures()).get('countersign_revocation_entries{worker="1"}')).toBe(0);
    expect((await figures()).get('countersign_revocation_entries{worker="2"}')).toBe(0);
  });
});
