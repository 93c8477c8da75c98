// Shows a line's lifetimes in a strip as wide as a cell: how much died soon, later, or not at all.

import { h } from './dom.mjs';
import { bytes, duration, percent } from './format.mjs';

const PARTS = [
  ['soon', 'within 16 ms', (to) => to <= 16],
  ['young', 'within 1 s', (to) => to <= 1024],
  ['later', 'within a minute', (to) => to <= 65_536],
  ['old', 'later', () => true],
];

/** The shares of the bytes by how long they lived: [[name, words, share]]; `kept` is the share that is alive. */
export function sharesOf({ lifetimes, bytes: all, live, transferred }) {
  const sums = new Map(PARTS.map(([name]) => [name, 0]));
  for (const { to, died, until } of lifetimes) {
    const [name] = PARTS.find(([, , is]) => is(to ?? Infinity));
    sums.set(name, sums.get(name) + died + until);
  }
  const shares = PARTS.map(([name, words]) => [name, `died ${words}`, sums.get(name) / all]);
  return [
    ...shares,
    ['moved', 'moved to another thread', transferred / all],
    ['kept', 'alive at the end', live / all],
  ].filter(([, , share]) => share >= 0.005);
}

/** The median lifetime in words. */
export function median(line) {
  if (line.median === null) return line.live > 0 ? 'half never died' : '–';
  return `half within ${duration(line.median)}`;
}

export function strip(line) {
  const shares = sharesOf(line);
  const text = shares.map(([, words, share]) => `${percent(share)} ${words}`).join(', ');
  const parts = shares.map(([name, , share]) => {
    const part = h(`span.part.${name}`);
    part.style.flexGrow = String(share);
    return part;
  });
  return h(
    'span.life',
    { title: text },
    h('span.strip', { 'aria-hidden': 'true' }, parts),
    h('span.median', median(line)),
    h('span.hidden', `: ${text}`),
  );
}

export const key = () =>
  h(
    'p.key',
    { 'aria-hidden': 'true' },
    [
      ['soon', 'died within 16 ms'],
      ['young', 'within 1 s'],
      ['later', 'within a minute'],
      ['old', 'later'],
      ['kept', 'alive at the end'],
    ].map(([name, words]) => h('span', h(`span.swatch.${name}`), words)),
  );

export const lived = ({ young, bytes: all }) => `${bytes(young)} (${percent(young / all)})`;
