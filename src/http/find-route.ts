/** Finds the row of the table for a path: the bytes as sent, no decoding, no folding of case or slashes, so that every layer sees one path. */
import type { AnyRoute } from './exchange.js';

export interface FoundPath {
  readonly byMethod: ReadonlyMap<string, AnyRoute>;
  readonly params: Readonly<Record<string, string>>;
}

export type FindRoute = (path: string) => FoundPath | null;

interface Pattern {
  /** What stands before the first variable segment: most paths of an application need no more to be told apart. */
  readonly start: string;
  readonly expression: RegExp;
  readonly byMethod: Map<string, AnyRoute>;
}

const noParams = Object.freeze({});

export function createRouteFinder(routes: readonly AnyRoute[], basePath: string): FindRoute {
  const fixed = new Map<string, Map<string, AnyRoute>>();
  const patterns = new Map<string, Pattern>();
  for (const row of routes) {
    const path = row.path.startsWith('/.well-known/') ? row.path : basePath + row.path;
    const byMethod = path.includes('{') ? patternOf(patterns, path).byMethod : (fixed.get(path) ?? new Map<string, AnyRoute>());
    byMethod.set(row.method, row);
    if (!path.includes('{')) fixed.set(path, byMethod);
  }
  return (path) => {
    const byMethod = fixed.get(path);
    if (byMethod) return { byMethod, params: noParams };
    for (const pattern of patterns.values()) {
      const match = path.startsWith(pattern.start) ? pattern.expression.exec(path) : null;
      if (match) return { byMethod: pattern.byMethod, params: { ...match.groups } };
    }
    return null;
  };
}

function patternOf(patterns: Map<string, Pattern>, path: string): Pattern {
  const source = path.replace(/\{(\w+)\}/g, '(?<$1>[A-Za-z0-9_-]{1,64})');
  const start = path.slice(0, path.indexOf('{'));
  const pattern = patterns.get(path) ?? { start, expression: new RegExp(`^${source}$`), byMethod: new Map<string, AnyRoute>() };
  patterns.set(path, pattern);
  return pattern;
}
