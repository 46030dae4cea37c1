/**
 * Runs the shell snippets of a page as they are printed, one after the other in one shell, and compares what the page says with what
 * happened. Only the port is another one. Above a request a comment tells its outcome, `# Log out: 200` or `# Too late: 401 token_missing`;
 * a JSON snippet shows the answer before it, with `…` for what differs each time.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSnippets, type Snippet } from './markdown.js';
import { saveFiles, type Stage } from './stage.js';

const printedHost = 'localhost:4000';
const seam = '<<< next snippet >>>';

/** A place in the page where it is not as printed. */
export interface Difference {
  readonly at: string;
  readonly printed: unknown;
  readonly happened: unknown;
}

/** `other`: paths of the page that have another name on this stage. */
export async function walkThrough(
  page: string,
  { port, folder }: Stage,
  other: Readonly<Record<string, string>> = {},
): Promise<{ requests: number; differences: Difference[] }> {
  saveFiles(page, { folder, port });
  const snippets = readSnippets(page).filter(({ marks }) => !marks.has('not run'));
  const commands = snippets.filter(({ language }) => language === 'sh' || language === 'bash');
  const script = commands
    .map(({ text }) => Object.entries(other).reduce((sofar, [from, to]) => sofar.replaceAll(from, to), text))
    .map((text) => text.replaceAll(printedHost, `localhost:${port}`))
    .join(`\necho '${seam}'; echo '${seam}' >&2\n`);
  const { stdout, stderr } = await runShell(script, folder);
  const parts = stdout.split(`${seam}\n`).map((part, index) => ({ out: part, err: stderr.split(`${seam}\n`)[index] ?? '' }));
  let requests = 0;
  const differences = commands.flatMap((command, index) => {
    const { out = '', err = '' } = parts[index] ?? {};
    const happened = outcomesOf(out, err);
    requests += happened.length;
    return [...compareOutcomes(command, happened, err), ...compareAnswer(answerAfter(command, snippets), jsonValues(out).at(-1))];
  });
  return { requests, differences };
}

async function runShell(script: string, folder: string): Promise<{ stdout: string; stderr: string }> {
  // Each request reports its status on the side, so that the commands stay as printed.
  writeFileSync(join(folder, '.curlrc'), 'write-out = "%{stderr}<status %{http_code}>\\n"\n');
  const env = { ...process.env, HOME: folder, CURL_HOME: folder, no_proxy: '*', npm_config_update_notifier: 'false' };
  const shell = spawn('bash', ['-c', script], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err]: [Buffer[], Buffer[]] = [[], []];
  shell.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  shell.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  await once(shell, 'close');
  return { stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
}

/** As `# What it is: 401 token_missing` says. */
function printedOutcomes(text: string): string[] {
  return [...text.matchAll(/^# .*: (\d{3})(?: ([a-z]+(?:_[a-z]+)+))?(?=[.\s]|$)/gm)].map(([, status = '', code]) =>
    code === undefined ? status : `${status} ${code}`,
  );
}

/** `200`, or `401 token_missing`, in the order of the requests. */
function outcomesOf(out: string, err: string): string[] {
  const refusals = jsonValues(out).filter(
    (value): value is { status: number; code: string } => typeof (value as { code?: unknown }).code === 'string',
  );
  return [...err.matchAll(/<status (\d{3})>/g)].map(([, status = '']) => {
    const isRefusal = refusals[0] !== undefined && String(refusals[0].status) === status;
    return isRefusal ? `${status} ${refusals.shift()?.code ?? ''}` : status;
  });
}

function compareOutcomes({ page, line, text }: Snippet, happened: readonly string[], err: string): Difference[] {
  const printed = printedOutcomes(text);
  // What npm says about its own settings is about this machine.
  const said = err.replace(/<status \d{3}>\n|^npm (?:warn|notice).*\n/gm, '').trim();
  const isSame = printed.length === happened.length && printed.every((outcome, index) => outcome === happened[index]);
  return [
    ...(isSame ? [] : [{ at: `${page}:${line}`, printed, happened }]),
    ...(said === '' ? [] : [{ at: `${page}:${line}`, printed: 'no complaint', happened: said }]),
  ];
}

/** The JSON snippet between these commands and the next. */
function answerAfter(command: Snippet, snippets: readonly Snippet[]): Snippet | null {
  const next = snippets[snippets.indexOf(command) + 1];
  return next?.language === 'json' ? next : null;
}

function compareAnswer(answer: Snippet | null, happened: unknown): Difference[] {
  if (!answer) return [];
  return compareValues(JSON.parse(answer.text), happened).map((difference) => ({
    ...difference,
    at: `${answer.page}:${answer.line}${difference.at}`,
  }));
}

/** `…` in a printed text stands for anything, at least one character; names of fields and everything else must be the same. */
function compareValues(printed: unknown, happened: unknown, at = ''): Difference[] {
  if (typeof printed === 'string' && typeof happened === 'string') {
    const pattern = printed.split('…').map((part) => part.replace(/[$()*+.?[\\\]^{|}]/g, '\\$&'));
    return new RegExp(`^${pattern.join('.+')}$`, 's').test(happened) ? [] : [{ at, printed, happened }];
  }
  if (!isObject(printed) || !isObject(happened) || Array.isArray(printed) !== Array.isArray(happened))
    return Object.is(printed, happened) ? [] : [{ at, printed, happened }];
  const names = [...new Set([...Object.keys(printed), ...Object.keys(happened)])];
  return names.flatMap((name) => compareValues(printed[name], happened[name], `${at}.${name}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** The JSON objects in an output, also where they follow each other without a line break. */
function jsonValues(output: string): unknown[] {
  const values: unknown[] = [];
  let depth = 0;
  let start = 0;
  let inString = false;
  for (let index = 0; index < output.length; index += 1) {
    const character = output[index];
    if (inString) {
      if (character === '\\') index += 1;
      else if (character === '"') inString = false;
    } else if (character === '"' && depth > 0) inString = true;
    else if (character === '{') {
      if (depth === 0) start = index;
      depth += 1;
    } else if (character === '}' && depth > 0) {
      depth -= 1;
      if (depth === 0) values.push(JSON.parse(output.slice(start, index + 1)));
    }
  }
  return values;
}
