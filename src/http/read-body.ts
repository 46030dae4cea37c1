/** Reads a body or a query: size, media type, JSON, shape; every problem named, no value repeated. */
import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import { readHeader } from '../access/credentials.js';
import { AuthError, type FieldProblem } from '../errors.js';
import type { HttpRequest, IncomingBody } from './message.js';

/** 10 kB. */
const maxBodyBytes = 10 * 1024;

/** The object that was sent, or an empty one when nothing was. @throws {AuthError} 400, 413, 415. */
export async function readBodyObject(request: HttpRequest, acceptsForm: boolean): Promise<object> {
  const declared = Number(readHeader(request.headers, 'content-length') ?? 0);
  if (declared > maxBodyBytes) throw new AuthError('body_too_large');
  const body = await request.body(maxBodyBytes);
  if (body.kind === 'too_large') throw new AuthError('body_too_large');
  if (isNothing(body, request)) return {};
  const isForm = requireMediaType(request, acceptsForm) === 'form';
  if (isForm && body.kind === 'bytes') return singleValues(new URLSearchParams(decodeUtf8(body.bytes)));
  const value = body.kind === 'bytes' ? parseJson(body.bytes) : body.value;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AuthError('invalid_request', { detail: 'The body must be a JSON object.' });
  return value;
}

/** No body, or an empty object of no declared type, which says as much. */
function isNothing(body: IncomingBody, { headers }: HttpRequest): boolean {
  if (body.kind !== 'bytes') return body.kind === 'parsed' && body.value === undefined;
  const isEmptyObject = body.bytes.byteLength === 2 && Buffer.from(body.bytes).toString('latin1') === '{}';
  return body.bytes.byteLength === 0 || (isEmptyObject && readHeader(headers, 'content-type') === undefined);
}

const mediaTypes = {
  json: /^application\/json *(?:; *charset="?utf-8"? *)?$/i,
  form: /^application\/x-www-form-urlencoded *(?:; *charset="?utf-8"? *)?$/i,
};

function requireMediaType({ headers }: HttpRequest, acceptsForm: boolean): 'json' | 'form' {
  const type = readHeader(headers, 'content-type') ?? '';
  const encoding = readHeader(headers, 'content-encoding') ?? 'identity';
  if (encoding === 'identity' && mediaTypes.json.test(type)) return 'json';
  if (encoding === 'identity' && acceptsForm && mediaTypes.form.test(type)) return 'form';
  throw new AuthError('unsupported_media_type');
}

function decodeUtf8(bytes: Uint8Array): string {
  if (!isUtf8(bytes)) throw new AuthError('invalid_request', { detail: 'The body must be UTF-8.' });
  return Buffer.from(bytes).toString('utf8');
}

function parseJson(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new AuthError('invalid_request', { detail: 'The body is not valid JSON.' });
  }
}

/** @throws {AuthError} `invalid_request` as `checkShape`, and when a parameter is there twice: which one counts is not guessed. */
export function readQuery<Shape>(schema: z.ZodType<Shape>, query: URLSearchParams): Shape {
  return checkShape(schema, singleValues(query));
}

function singleValues(parameters: URLSearchParams): Record<string, string> {
  const names = [...parameters.keys()];
  if (new Set(names).size < names.length) throw new AuthError('invalid_request', { detail: 'A parameter was sent twice.' });
  return Object.fromEntries(parameters);
}

/** @throws {AuthError} `invalid_request` naming every field that is missing, unknown or wrong. */
export function checkShape<Shape>(schema: z.ZodType<Shape>, value: object): Shape {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new AuthError('invalid_request', { fields: result.error.issues.flatMap((issue) => fieldProblems(issue, value)) });
}

function fieldProblems(issue: z.core.$ZodIssue, value: object): FieldProblem[] {
  const path = issue.path.map(String).join('.');
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [path, printable(key)].filter(Boolean).join('.'),
      code: 'unrecognized',
      message: 'is not known here',
    }));
  }
  if (issue.code === 'invalid_type' && issue.expected === 'never') return [{ path, code: 'unrecognized', message: 'is not known here' }];
  if (issue.code === 'invalid_type') {
    const isMissing = valueAt(value, issue.path) === undefined;
    return [
      isMissing
        ? { path, code: 'required', message: 'is required' }
        : { path, code: 'invalid_type', message: `must be a ${issue.expected}` },
    ];
  }
  if (issue.code === 'custom') {
    const code: unknown = issue.params?.['code'];
    return [{ path, code: typeof code === 'string' ? code : 'invalid', message: issue.message }];
  }
  if (issue.code === 'too_big') return [{ path, code: 'too_big', message: `must not be longer than ${String(issue.maximum)}` }];
  if (issue.code === 'invalid_value') return [{ path, code: 'invalid', message: `must be one of ${issue.values.map(String).join(', ')}` }];
  return [{ path, code: 'invalid', message: issue.message }];
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((inner, key) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined), value);
}

/** A name that a client made up, fit to be shown. */
function printable(key: string): string {
  return key.replace(/[^\x20-\x7e]/g, '?').slice(0, 64);
}
