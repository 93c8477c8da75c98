// What is told to Prometheus and OpenTelemetry: docs/guide/metrics.md has the metrics.

/** The options of all that tells metrics. */
export interface MetricsOptions {
  /**
   * What the names begin with, before `ralloc_`.
   * @default ''
   */
  prefix?: string | undefined;
  /** Labels that every series has. None of those that ralloc has itself. */
  labels?: Record<string, string> | undefined;
}

/** As far as collectMetrics() needs it: any `Registry` of prom-client is one. */
export interface MetricsRegister {
  getSingleMetric(name: string): unknown;
  registerMetric(metric: never): void;
}

/** As far as collectMetrics() needs it: the module prom-client, 15 or later. */
export interface PromClient {
  Counter: abstract new (...options: never[]) => unknown;
  Gauge: abstract new (...options: never[]) => unknown;
  Registry: object;
  register: MetricsRegister;
}

export interface CollectMetricsOptions extends MetricsOptions {
  /** @default promClient.register */
  register?: MetricsRegister | undefined;
}

/**
 * Adds ralloc's metrics to a registry of prom-client, the application's own copy, which reads them at each scrape. Called again it adds nothing twice.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: no prom-client or one before 15, an option of the wrong name, type or value, or a register that has other metrics of these names.
 */
export function collectMetrics(promClient: PromClient, options?: CollectMetricsOptions): void;

export interface MetricsTextOptions extends MetricsOptions {
  /**
   * Whether it is in the format of OpenMetrics, which is what a request's header `accept` says, or a boolean.
   * @default false
   */
  openMetrics?: boolean | string | undefined;
}

/**
 * All metrics as a page for Prometheus, for who has no prom-client.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function metricsText(options?: MetricsTextOptions): string;

/** The header `content-type` of the same page. */
export function metricsContentType(options?: MetricsTextOptions): string;

/** As far as observeMetrics() needs it: a `Meter` of `@opentelemetry/api`. */
export interface MetricsMeter {
  createObservableCounter(name: string, options?: object): unknown;
  createObservableGauge(name: string, options?: object): unknown;
  addBatchObservableCallback(callback: never, instruments: never[]): void;
  removeBatchObservableCallback(callback: never, instruments: never[]): void;
}

/**
 * Adds ralloc's metrics to a meter of OpenTelemetry as observable instruments. Called again it adds nothing twice.
 * @returns a function that ends it.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: `meter` is none.
 */
export function observeMetrics(meter: MetricsMeter): () => void;
