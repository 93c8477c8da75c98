// Metrics for Prometheus and OpenTelemetry. docs/guide/metrics.md lists them.

/** Options of collectMetrics() and metricsText(). */
export interface MetricsOptions {
  /**
   * What the names begin with, before `ralloc_`.
   * @default ''
   */
  prefix?: string | undefined;
  /** Labels for every series. They must not be ones that ralloc uses itself. */
  labels?: Record<string, string> | undefined;
}

/** What collectMetrics() needs of a registry: any `Registry` of prom-client has it. */
export interface MetricsRegister {
  getSingleMetric(name: string): unknown;
  registerMetric(metric: never): void;
}

/** What collectMetrics() needs of the module prom-client, 15 or later. */
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
 * Adds ralloc's metrics to a registry of the application's own prom-client, which reads them at each scrape. A second call adds nothing twice.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: no prom-client or one before 15, an option of the wrong name, type or value, or a register that has other metrics of these names.
 */
export function collectMetrics(promClient: PromClient, options?: CollectMetricsOptions): void;

export interface MetricsTextOptions extends MetricsOptions {
  /**
   * Whether the text is in the OpenMetrics format: a boolean, or the header `accept` of the request, which decides.
   * @default false
   */
  openMetrics?: boolean | string | undefined;
}

/**
 * All metrics as a page for Prometheus, without prom-client.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: an option of the wrong name, type or value.
 */
export function metricsText(options?: MetricsTextOptions): string;

/** The header `content-type` of the same page. */
export function metricsContentType(options?: MetricsTextOptions): string;

/** What observeMetrics() needs of a `Meter` of `@opentelemetry/api`. */
export interface MetricsMeter {
  createObservableCounter(name: string, options?: object): unknown;
  createObservableGauge(name: string, options?: object): unknown;
  addBatchObservableCallback(callback: never, instruments: never[]): void;
  removeBatchObservableCallback(callback: never, instruments: never[]): void;
}

/**
 * Adds ralloc's metrics to a meter of OpenTelemetry as observable instruments. A second call adds nothing twice.
 * @returns a function that removes them, once that of each call was called.
 * @throws ERR_RALLOC_INVALID_ARGUMENT: `meter` is not a meter, or there is a second argument.
 */
export function observeMetrics(meter: MetricsMeter): () => void;
