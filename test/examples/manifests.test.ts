/** The manifests of the examples, parsed and examined: what they set exists, what they ask is answered, and nothing in them is secret or root. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { livePath, readyPath } from '../../src/server/health.js';
import { settings } from '../../src/settings/table.js';
import { root } from '../docs/markdown.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- files of other programs: a test looks into them and says by that what they must be */

const at = (path: string): string => join(root, 'examples', path);
const text = (path: string): string => readFileSync(at(path), 'utf8');

const compose: any = parse(text('compose/compose.yaml'), { merge: true });
const services: [string, any][] = Object.entries(compose.services);
const nodes = services.filter(([name]) => name.startsWith('node-'));

const manifests: any[] = readdirSync(at('kubernetes'))
  .filter((name) => name.endsWith('.yaml'))
  .flatMap((name) => parseAllDocuments(text(`kubernetes/${name}`)).map((document) => document.toJS()));
const only = (kind: string): any => {
  const found = manifests.filter((manifest) => manifest.kind === kind);
  expect(found, kind).toHaveLength(1);
  return found[0];
};
const pod: any = only('Deployment').spec.template.spec;
const [container]: [any] = pod.containers;

/** A tag that says at least which minor version. */
const pinned = /^[\w./-]+:\d+\.\d+[\w.-]*$/;
/** Comes from elsewhere, and its absence is noticed. */
const required = /^\$\{\w+:\?[^}]+\}$/;

const composeCommands: [string, ...string[]][] = [['docker', 'compose'], ['docker-compose']];

const isInstalled = (program: string, ...args: string[]): boolean => spawnSync(program, args).status === 0;

/** Settings whose values are secret, whether the table says so or they hold a password. */
const secretSettings = [...Object.entries(settings).flatMap(([name, { isSecret }]) => (isSecret ? [name] : [])), 'COUNTERSIGN_STORE'];

describe('what the manifests set', () => {
  const set: [where: string, names: string[]][] = [
    ...nodes.map(([name, { environment }]): [string, string[]] => [`compose, ${name}`, Object.keys(environment)]),
    ['kubernetes, settings', Object.keys(only('ConfigMap').data)],
    ['kubernetes, deployment', container.env.map(({ name }: { name: string }) => name)],
  ];

  test.each(set)('exists: %s', (_, names) => {
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) expect(Object.keys(settings)).toContain(name);
  });

  test('is all that nodes on several machines need', () => {
    const needed = ['HOST', 'COUNTERSIGN_PUBLIC_URL', 'COUNTERSIGN_SECRET', 'COUNTERSIGN_STORE'];
    const inKubernetes = set.filter(([where]) => where.startsWith('kubernetes')).flatMap(([, names]) => names);
    expect(inKubernetes).toEqual(expect.arrayContaining(needed));
    for (const [, { environment }] of nodes) expect(Object.keys(environment)).toEqual(expect.arrayContaining(needed));
  });

  test('in Compose is in .env.example, without a value where it is secret', () => {
    const wanted = new Set([...text('compose/compose.yaml').matchAll(/\$\{(\w+)/g)].map(([, name]) => name!));
    const lines = text('compose/.env.example').split('\n');
    const given = new Map(lines.flatMap((line) => [...line.matchAll(/^(\w+)=(.*)$/g)].map(([, name, value]) => [name!, value!])));
    expect([...given.keys()].sort()).toEqual([...wanted].sort());
    for (const name of [...secretSettings, 'POSTGRES_PASSWORD']) expect(given.get(name) ?? '').toBe('');
  });
});

describe('secrets', () => {
  test('are in no manifest', () => {
    for (const [, { environment }] of nodes) {
      expect(environment.COUNTERSIGN_SECRET).toMatch(required);
      expect(environment.COUNTERSIGN_STORE).toMatch(/^postgres:\/\/\w+:\$\{POSTGRES_PASSWORD:\?[^}]+\}@database:5432\/\w+$/);
    }
    expect(compose.services.database.environment.POSTGRES_PASSWORD).toMatch(required);
    expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    for (const name of secretSettings) expect(Object.keys(only('ConfigMap').data)).not.toContain(name);
    for (const { name, value, valueFrom } of container.env) {
      expect(value, name).toBeUndefined();
      expect(valueFrom.secretKeyRef.name, name).toBe('countersign');
    }
  });

  test('are in no image', () => {
    const lines = readFileSync(join(root, 'Dockerfile'), 'utf8').split('\n');
    expect(lines.filter((line) => /^(?:ARG|ENV)\b/.test(line))).toEqual(['ENV NODE_ENV=production']);
    const ignored = readFileSync(join(root, '.dockerignore'), 'utf8').trim().split('\n');
    expect(ignored[0]).toBe('*');
    expect(ignored.slice(1).every((line) => line.startsWith('!'))).toBe(true);
    expect(ignored.filter((line) => /env|data|node_modules|test/.test(line))).toEqual([]);
  });
});

describe('images', () => {
  test('are pinned', () => {
    const used = [
      ...services.map(([, { image }]) => image),
      container.image,
      ...[...readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/^FROM (\S+)/gm)].map(([, image]) => image!),
    ];
    for (const image of used) expect(image).toMatch(pinned);
  });

  test('have a Node that has SQLite built in, and copy only what the build context lets in', () => {
    const dockerfile = readFileSync(join(root, 'Dockerfile'), 'utf8');
    const [, major, minor] = /^FROM node:(\d+)\.(\d+)/m.exec(dockerfile)!;
    expect(Number(major) * 100 + Number(minor)).toBeGreaterThanOrEqual(2213);
    const letIn = readFileSync(join(root, '.dockerignore'), 'utf8').match(/(?<=^!).+$/gm);
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) => names!.split(' '));
    expect(copied.filter((name) => !letIn?.includes(name))).toEqual([]);
  });
});

describe('nobody is root, and nothing can be written', () => {
  test('in the image', () => {
    const users = [...readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/^USER (\S+)/gm)].map(([, user]) => user);
    expect(users.at(-1)).toBe('node');
  });

  test('in Compose', () => {
    for (const [name, service] of services.filter(([name]) => name !== 'database')) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
      expect(service.privileged, name).toBeUndefined();
    }
  });

  test('on Kubernetes', () => {
    expect(pod.automountServiceAccountToken).toBe(false);
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
  });
});

describe('what is asked of a node', () => {
  test('are paths that it answers, on the port that it listens on', () => {
    const { startupProbe, livenessProbe, readinessProbe } = container;
    expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet)).toEqual([
      { path: livePath, port: 'http' },
      { path: livePath, port: 'http' },
      { path: readyPath, port: 'http' },
    ]);
    for (const [, { healthcheck, environment }] of nodes)
      expect(healthcheck.test.join(' ')).toContain(`http://127.0.0.1:${environment.PORT}${readyPath}`);
    expect(text('compose/haproxy.cfg')).toContain(`uri ${readyPath}`);
  });

  test('ports agree', () => {
    const port = Number(only('ConfigMap').data.PORT);
    expect(container.ports).toEqual([{ name: 'http', containerPort: port }]);
    expect(only('Service').spec.ports[0].targetPort).toBe('http');
    expect(only('NetworkPolicy').spec.ingress[0].ports).toEqual([{ port: 'http' }]);
    const names = nodes.map(([name, { environment }]) => `${name}:${environment.PORT}`);
    for (const file of ['compose/haproxy.cfg', 'compose/nginx.conf']) {
      expect([...text(file).matchAll(/node-\d+:\d+/g)].map(([name]) => name)).toEqual(names);
      expect(text(file)).toMatch(/(?:bind :|listen )8080/);
    }
    expect(compose.services.proxy.ports).toEqual(['127.0.0.1:8080:8080']);
  });

  test('a node has time to stop in order: the server cuts requests ten seconds after the delay', () => {
    const seconds = (text: string): number => Number(/^(\d+)s$/.exec(text)?.[1]);
    const delay = seconds(only('ConfigMap').data.COUNTERSIGN_STOP_DELAY);
    expect(delay).toBeGreaterThanOrEqual(5);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThan(delay + 10);
    const [, interval, fall] = /inter (\d+)s fall (\d+)/.exec(text('compose/haproxy.cfg'))!;
    for (const [, node] of nodes) {
      expect(seconds(node.environment.COUNTERSIGN_STOP_DELAY)).toBeGreaterThan(Number(interval) * Number(fall));
      expect(seconds(node.stop_grace_period)).toBeGreaterThan(seconds(node.environment.COUNTERSIGN_STOP_DELAY) + 10);
    }
  });
});

describe('on Kubernetes', () => {
  test('all that selects nodes selects them', () => {
    const { labels } = only('Deployment').spec.template.metadata;
    const selectors = [
      only('Deployment').spec.selector.matchLabels,
      only('Service').spec.selector,
      only('PodDisruptionBudget').spec.selector.matchLabels,
      only('NetworkPolicy').spec.podSelector.matchLabels,
      pod.topologySpreadConstraints[0].labelSelector.matchLabels,
    ];
    for (const selector of selectors) expect(labels).toMatchObject(selector);
    expect(only('HorizontalPodAutoscaler').spec.scaleTargetRef.name).toBe(only('Deployment').metadata.name);
    expect(container.envFrom).toEqual([{ configMapRef: { name: only('ConfigMap').metadata.name } }]);
  });

  test('one node more comes before one goes, and no client is bound to a node', () => {
    expect(only('Deployment').spec.strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge: 1 });
    expect(only('Deployment').spec.replicas).toBeGreaterThan(1);
    expect(only('Service').spec.sessionAffinity).toBeUndefined();
  });

  test('memory is bounded, the processor is not', () => {
    expect(Object.keys(container.resources.limits)).toEqual(['memory']);
    expect(Object.keys(container.resources.requests).sort()).toEqual(['cpu', 'memory']);
  });

  test('every file is in the kustomization, or mentioned there as optional', () => {
    const listed = text('kubernetes/kustomization.yaml');
    for (const name of readdirSync(at('kubernetes')).filter((file) => file.endsWith('.yaml') && file !== 'kustomization.yaml')) {
      expect(listed).toContain(`- ${name}`);
    }
  });

  const hasKubectl = isInstalled('kubectl', 'version', '--client');
  if (!hasKubectl) console.warn('skipped: kubectl is not installed; https://kubernetes.io/docs/tasks/tools');
  test.skipIf(!hasKubectl)('kubectl puts them together', () => {
    const together = execFileSync('kubectl', ['kustomize', at('kubernetes')], { encoding: 'utf8' });
    const built = parseAllDocuments(together).map((document) => document.toJS());
    expect(built.map(({ kind }) => kind).sort()).toEqual(['ConfigMap', 'Deployment', 'NetworkPolicy', 'PodDisruptionBudget', 'Service']);
    for (const { metadata } of built) expect(metadata.namespace).toBe('countersign');
    expect(built.find(({ kind }) => kind === 'Deployment').spec.template.spec.containers[0].image).toMatch(
      /^registry\.example\.com\/countersign:\d/,
    );
  });
});

describe('Compose', () => {
  const [program, ...words] = composeCommands.find((command) => isInstalled(...command, 'version')) ?? [];
  if (program === undefined) console.warn('skipped: Docker Compose is not installed; apt-get install docker-compose');
  test.skipIf(program === undefined)('finds nothing wrong with the file', () => {
    const env = { ...process.env, COUNTERSIGN_SECRET: 'x', POSTGRES_PASSWORD: 'x' };
    // Compose 1, which is what Debian 12 has, does not know the first line.
    const input = text('compose/compose.yaml').replace(/^name: .*$/m, '');
    execFileSync(program!, [...words, '--file', '-', 'config', '--quiet'], { env, input, cwd: at('compose') });
  });

  test('starts nothing that it does not have, and nodes only when the database answers', () => {
    const names = services.map(([name]) => name);
    for (const [name, { networks, depends_on: dependsOn = [] }] of services) {
      expect(Object.keys(compose.networks), name).toEqual(expect.arrayContaining(networks));
      const others: string[] = Array.isArray(dependsOn) ? dependsOn : Object.keys(dependsOn);
      expect(names, name).toEqual(expect.arrayContaining(others));
    }
    for (const [, node] of nodes) expect(node.depends_on).toEqual({ database: { condition: 'service_healthy' } });
    expect(compose.services.redis.profiles).toEqual(['redis']);
  });

  test('only the proxy can be reached from outside', () => {
    expect(compose.networks.inside.internal).toBe(true);
    const reachable = services.filter(([, { ports, networks }]) => ports !== undefined || networks.includes('outside'));
    expect(reachable.map(([name]) => name)).toEqual(['proxy']);
  });
});
