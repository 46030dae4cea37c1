/**
 * Runs a transcript: each line that begins with `$ ` is typed into a shell, and what follows is what must be printed, output and errors
 * together. `…` stands for what differs each time. `[1]` on a line of its own is an exit code other than 0. Lines with `#` are for readers.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/countersign.js', import.meta.url));

interface Step {
  readonly line: number;
  readonly command: string;
  readonly expected: string;
}

export interface Difference {
  readonly at: string;
  readonly expected: string;
  readonly printed: string;
}

/** Where it went otherwise than the transcript says. */
export async function runTranscript(file: string): Promise<Difference[]> {
  const steps = readSteps(await readFile(file, 'utf8'));
  const folder = await mkdtemp(join(tmpdir(), 'countersign-cli-'));
  try {
    const bin = join(folder, '.bin');
    await mkdir(bin);
    await chmod(program, 0o755);
    await symlink(program, join(bin, 'countersign'));
    const differences: Difference[] = [];
    for (const { line, command, expected } of steps) {
      const printed = await type(command, folder);
      if (!matches(printed, expected)) differences.push({ at: `line ${line}: ${command}`, expected, printed });
    }
    return differences;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function readSteps(text: string): Step[] {
  const steps: { line: number; command: string; lines: string[] }[] = [];
  text.split('\n').forEach((line, index) => {
    if (line.startsWith('$ ')) steps.push({ line: index + 1, command: line.slice(2), lines: [] });
    else if (!line.startsWith('#')) steps.at(-1)?.lines.push(line);
  });
  return steps.map(({ line, command, lines }) => ({ line, command, expected: lines.join('\n').trim() }));
}

function type(command: string, folder: string): Promise<string> {
  const env = { PATH: `${join(folder, '.bin')}:${process.env['PATH'] ?? ''}`, HOME: folder };
  return new Promise((resolve) => {
    execFile('sh', ['-c', `exec 2>&1; ${command}`], { cwd: folder, env }, (error, stdout) => {
      const code = error === null ? '' : `\n[${String(error.code)}]`;
      resolve((stdout.trim() + code).trim());
    }).stdin?.end();
  });
}

function matches(printed: string, expected: string): boolean {
  const literal = (part: string): string => part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  // Columns are as wide as what differs in them.
  const parts = expected.split('…').map((part) => literal(part).replace(/(?<=\S) {2,}(?=\S)/g, ' {2,}'));
  return new RegExp(`^${parts.join('[^\\n]+?')}$`, 'u').test(printed);
}
