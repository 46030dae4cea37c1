/** The figures of one process in the words of Prometheus. A registry of its own; no label holds anything that came from a client. */
import { AggregatorRegistry, collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { Core } from '../core.js';

/** One figure with its values, as plain data that can be sent to another process. */
export interface Figure {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** What becomes of values of several processes that have the same labels. */
  readonly aggregator: 'sum';
  readonly values: readonly { readonly labels: object; readonly value: number; readonly metricName?: string }[];
}

export const metricsContentType: string = Registry.PROMETHEUS_CONTENT_TYPE;

export class Metrics {
  readonly #core: Pick<Core, 'index' | 'feed'>;
  readonly #labels: { readonly worker?: string };
  readonly #registry = new Registry();
  readonly #answers: Counter<'status'>;
  readonly #refreshes: Counter<'status'>;

  /** @param worker which of several processes this is. */
  constructor({ index, feed }: Pick<Core, 'index' | 'feed'>, worker?: number) {
    this.#core = { index, feed };
    this.#labels = worker === undefined ? {} : { worker: String(worker) };
    const registers = [this.#registry];
    const gauge = (name: string, help: string, read: () => number): void => {
      new Gauge({
        name,
        help,
        registers,
        collect() {
          this.set(read());
        },
      });
    };
    gauge('countersign_revocation_entries', 'Revocations in force that this process knows.', () => index.size);
    gauge('countersign_revocation_age_seconds', 'Age of what this process knows of revocations.', () => seconds(feed.ageMilliseconds()));
    gauge('countersign_revocation_fresh', 'Whether that is within the greatest staleness.', () => (feed.isFresh() ? 1 : 0));
    const counter = (name: string, help: string): Counter<'status'> => new Counter({ name, help, labelNames: ['status'], registers });
    this.#answers = counter('countersign_http_answers_total', 'Answers by class of their status.');
    this.#refreshes = counter('countersign_refreshes_total', 'Answers to refreshes by class of their status: 4xx are refusals.');
    collectDefaultMetrics({ register: this.#registry });
    this.#registry.setDefaultLabels(this.#labels);
  }

  count(status: number, isRefresh: boolean): void {
    const labels = { status: `${Math.floor(status / 100)}xx` };
    this.#answers.inc(labels);
    if (isRefresh) this.#refreshes.inc(labels);
  }

  async figures(): Promise<Figure[]> {
    const own = await this.#registry.getMetricsAsJSON();
    const figures = own.map(({ name, help, type, values }): Figure => ({ name, help, type: String(type), aggregator: 'sum', values }));
    return [...figures, this.#propagation()];
  }

  /** Counted by the feed, whether anybody reads it or not. */
  #propagation(): Figure {
    const { count, sumMilliseconds, buckets } = this.#core.feed.propagation();
    const name = 'countersign_revocation_propagation_seconds';
    const labels = this.#labels;
    const values = buckets.map((bucket) => ({
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bucket.upTo === Infinity ? '+Inf' : String(seconds(bucket.upTo)) },
      value: bucket.count,
    }));
    return {
      name,
      help: 'Time from the commit of a revocation in another process until this one refuses by it.',
      type: 'histogram',
      aggregator: 'sum',
      values: [
        ...values,
        { metricName: `${name}_sum`, labels, value: seconds(sumMilliseconds) },
        { metricName: `${name}_count`, labels, value: count },
      ],
    };
  }
}

/** Not Infinity, which JSON does not know. */
function seconds(milliseconds: number): number {
  return Math.min(milliseconds, Number.MAX_SAFE_INTEGER) / 1000;
}

/** The text of the figures of one or several processes. */
export function renderFigures(processes: readonly (readonly Figure[])[]): Promise<string> {
  return AggregatorRegistry.aggregate([...processes]).metrics();
}
