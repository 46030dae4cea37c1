/** `GET /metrics`: the figures of all processes that serve the port, for who has the token. */
import { readBearer } from '../access/credentials.js';
import type { Core } from '../core.js';
import { constantTimeEqual, sha256 } from '../crypto/digest.js';
import { AuthError } from '../errors.js';
import { Metrics, metricsContentType, renderFigures, type Figure } from './metrics.js';

export const metricsPath = '/metrics';

/** Asks every process, this one too, for its figures. */
export type Gather = () => Promise<readonly (readonly Figure[])[]>;

export interface MetricsOptions {
  readonly token: string;
  /** Which of several processes this is, and how all are asked. */
  readonly worker?: { readonly number: number; readonly gather: (own: Metrics) => Gather };
}

export class MetricsEndpoint {
  readonly contentType: string = metricsContentType;
  readonly #tokenDigest: Buffer;
  readonly #metrics: Metrics;
  readonly #gather: Gather;

  constructor(core: Core, { token, worker }: MetricsOptions) {
    this.#tokenDigest = sha256(Buffer.from(token));
    this.#metrics = new Metrics(core, worker?.number);
    this.#gather = worker?.gather(this.#metrics) ?? (async () => [await this.#metrics.figures()]);
  }

  count(status: number, isRefresh: boolean): void {
    this.#metrics.count(status, isRefresh);
  }

  /** @throws {AuthError} `token_missing`, `token_invalid` */
  async read(authorization: string | undefined): Promise<string> {
    const token = readBearer(authorization);
    if (token === undefined) throw new AuthError('token_missing');
    if (!constantTimeEqual(sha256(Buffer.from(token)), this.#tokenDigest)) throw new AuthError('token_invalid');
    return renderFigures(await this.#gather());
  }
}
