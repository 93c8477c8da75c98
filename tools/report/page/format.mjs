// Formats numbers for people: three figures and a unit.

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Three figures, without zeros behind a point. */
function figures(value) {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

/** Bytes in decimal units: 1 MB is 1,000,000 bytes. */
export function bytes(value) {
  if (value === null || value === undefined) return '–';
  const negative = value < 0 ? '−' : '';
  let [rest, unit] = [Math.abs(value), 0];
  while (rest >= 999.5 && unit < UNITS.length - 1) {
    rest /= 1000;
    unit++;
  }
  return `${negative}${unit === 0 ? Math.round(rest) : figures(rest)} ${UNITS[unit]}`;
}

export const perSecond = (value) => (value === null ? '–' : `${bytes(value)}/s`);

/** Bytes with their sign, for changes. */
export const change = (value) => `${value > 0 ? '+' : ''}${bytes(value)}`;

/** The largest size of a class: a power of 2. */
export function size(value) {
  if (value < 1024) return `${value} B`;
  if (value < 1 << 20) return `${value / 1024} KiB`;
  return value < 2 ** 30 ? `${value / (1 << 20)} MiB` : `${value / 2 ** 30} GiB`;
}

export function count(value) {
  if (value < 10_000) return Math.round(value).toLocaleString('en');
  if (value < 999_500) return `${figures(value / 1000)} k`;
  return value < 999.5e6 ? `${figures(value / 1e6)} M` : `${figures(value / 1e9)} G`;
}

export function percent(share) {
  if (!Number.isFinite(share)) return '–';
  const value = share * 100;
  if (value !== 0 && Math.abs(value) < 0.1) return '< 0.1 %';
  return `${Math.abs(value) >= 10 ? Math.round(value) : Number(value.toFixed(1))} %`;
}

/** The error of 16 samples. With fewer, the bounds of an estimate are too asymmetric for ±. */
export const FEW = 0.5;

/** The error of an estimate: ±, or for few samples the bounds if they are known. */
export const errorText = (error, { least, most } = {}) => {
  if (error <= FEW) return plusMinus(error);
  return most === undefined ? 'few samples' : `${bytes(least)} to ${bytes(most)}`;
};

/** The error as ± percent: two standard deviations. */
export const plusMinus = (error) =>
  `± ${error >= 0.995 ? 100 : percent(error).replace(' %', '')} %`;

/** A duration with two figures, because buckets are no finer. */
export function duration(ms) {
  if (ms === null || ms === undefined) return 'no end';
  const about = (value) => Number(value.toPrecision(2));
  if (ms < 995) return `${about(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 59.5) return `${about(seconds)} s`;
  if (seconds < 3570) return `${about(seconds / 60)} min`;
  return seconds < 85_000 ? `${about(seconds / 3600)} h` : `${about(seconds / 86_400)} days`;
}

/** 2026-01-31 12:00:00 UTC */
export const moment = (ms) => `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')} UTC`;

export const clock = (ms) => new Date(ms).toISOString().slice(11, 19);
