/**
 * Registry: the counters, gauges and histograms of one thread, and how those of all threads become one page.
 *
 * The only room that knows prom-client. A series is looked up once by its label values and kept, so that counting on
 * the hot path is one map look-up; a metric keeps at most {@link SERIES_MAX} series and counts what is over it under
 * the label value `other`, so that no caller can grow memory by its input.
 *
 * @module
 */

import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';

/** Series of one metric in one thread: 12 endpoints times 15 statuses fit. */
export const SERIES_MAX = 256;

export interface CounterSeries {
  /** Adds `amount`, 1 when left out. */
  add(amount?: number): void;
}

export interface GaugeSeries {
  set(value: number): void;
}

export interface HistogramSeries {
  /** Takes in one measurement, in the metric's unit. */
  observe(value: number): void;
}

/** A metric: `of` gives the series of these label values, in the order the labels were declared. */
export interface Metric<Series> {
  of(...labelValues: readonly string[]): Series;
}

/** The metrics of one thread as plain data, ready to be posted to main. */
export type MetricsPart = object[];

export interface MetricRegistry {
  counter(name: string, help: string, labels?: readonly string[]): Metric<CounterSeries>;
  gauge(name: string, help: string, labels?: readonly string[]): Metric<GaugeSeries>;
  /** @param buckets upper bounds, ascending */
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labels?: readonly string[],
  ): Metric<HistogramSeries>;
  /** Calls `refresh` before each collection, for gauges that are read rather than counted. */
  onCollect(refresh: () => void): void;
  /** All series with the label `thread`. */
  collect(): Promise<MetricsPart>;
}

/**
 * Makes the registry of a thread.
 * @param thread value of the label `thread`: `shard-1`
 */
export function createMetricRegistry(thread: string): MetricRegistry {
  const registry = new Registry();
  registry.setDefaultLabels({ thread });
  const refreshers: Array<() => void> = [];
  const histograms: OwnHistogram[] = [];

  return {
    counter(name, help, labels = []) {
      const counter = new Counter({ name, help, labelNames: [...labels], registers: [registry] });
      return metricOf(labels, (values) => {
        const series = counter.labels(values);
        let counted = 0;
        refreshers.push(() => {
          series.inc(counted);
          counted = 0;
        });
        return {
          add: (amount = 1) => {
            counted += amount;
          },
        };
      });
    },
    gauge(name, help, labels = []) {
      const gauge = new Gauge({ name, help, labelNames: [...labels], registers: [registry] });
      return metricOf(labels, (values) => {
        const series = gauge.labels(values);
        return { set: (value) => series.set(value) };
      });
    },
    histogram(name, help, buckets, labels = []) {
      const histogram = createHistogram(name, help, buckets, thread);
      histograms.push(histogram);
      return metricOf(labels, histogram.series);
    },
    onCollect(refresh) {
      refreshers.push(refresh);
    },
    async collect() {
      for (const refresh of refreshers) refresh();
      // structuredClone: prom-client hands out its live objects, and a part must be plain data that can be posted.
      const kept = structuredClone(await registry.getMetricsAsJSON()).map(plain);
      return [...kept, ...histograms.map((histogram) => histogram.part())];
    },
  };
}

interface OwnHistogram {
  series(labels: Record<string, string>): HistogramSeries;
  /** In the shape of prom-client's JSON, which its aggregation reads. */
  part(): object;
}

/** prom-client hashes the labels of every measurement anew; there are a dozen measurements a payment. */
function createHistogram(
  name: string,
  help: string,
  buckets: readonly number[],
  thread: string,
): OwnHistogram {
  const all: Array<{ labels: Record<string, string>; counts: Float64Array; sum: number }> = [];
  return {
    series(labels) {
      const one = { labels, counts: new Float64Array(buckets.length + 1), sum: 0 };
      all.push(one);
      return {
        observe(value) {
          let bucket = 0;
          while (bucket < buckets.length && value > buckets[bucket]!) bucket++;
          one.counts[bucket]! += 1;
          one.sum += value;
        },
      };
    },
    part() {
      const values = all.flatMap(({ labels, counts, sum }) => {
        let count = 0;
        const cumulative = [...counts].map((more, i) => {
          count += more;
          const le = i < buckets.length ? buckets[i]! : '+Inf';
          return { metricName: `${name}_bucket`, labels: { le, ...labels, thread }, value: count };
        });
        return [
          ...cumulative,
          { metricName: `${name}_sum`, labels: { ...labels, thread }, value: sum },
          { metricName: `${name}_count`, labels: { ...labels, thread }, value: count },
        ];
      });
      return { name, help, type: 'histogram', values, aggregator: 'sum' };
    },
  };
}

/** Only what the page needs; prom-client's JSON of a metric may carry more. */
function plain(metric: object): object {
  const { name, help, type, values, aggregator } = metric as Record<string, unknown>;
  return { name, help, type, values, aggregator };
}

function metricOf<Series>(
  labels: readonly string[],
  open: (values: Record<string, string>) => Series,
): Metric<Series> {
  const kept = new Map<string, Series>();
  const named = (values: readonly string[]) =>
    Object.fromEntries(labels.map((label, i) => [label, values[i] ?? '']));
  let other: Series | undefined;

  return {
    of(...values) {
      const key = values.length === 1 ? values[0]! : values.join('\n');
      const known = kept.get(key);
      if (known !== undefined) return known;
      if (kept.size >= SERIES_MAX) {
        other ??= open(named(labels.map(() => 'other')));
        return other;
      }
      const series = open(named(values));
      kept.set(key, series);
      return series;
    },
  };
}

/** The page of all threads in the Prometheus text format 0.0.4. */
export async function renderMetrics(parts: readonly MetricsPart[]): Promise<string> {
  return await AggregatorRegistry.aggregate([...parts]).metrics();
}
