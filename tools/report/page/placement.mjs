// What a table would change: the borders of the clusters beside the lifetimes, and where each site's bytes belong.

import { h } from './dom.mjs';
import { bytes, count, duration, percent, size } from './format.mjs';
import { breakable } from './place.mjs';
import { table } from './table.mjs';

const WHERE = {
  request: 'the arena of the request',
  slab: 'a slab',
  region: 'a region',
  leave: 'where they are',
  none: 'not in the table',
};

const WIDTH = 640;
const HEIGHT = 120;

/** Bars of lifetimes with lines where the clusters part. The table beside it says the same. */
function chart({ lifetimes, borders }) {
  const most = Math.max(1, ...lifetimes.map((one) => one.bytes));
  const step = WIDTH / Math.max(1, lifetimes.length);
  const bar = ({ bytes: value }, i) => {
    const height = (value / most) * HEIGHT;
    return `M${i * step} ${HEIGHT}v${-height}h${step * 0.8}v${height}z`;
  };
  const border = (ms) => {
    const at = lifetimes.findIndex((one) => one.ms >= ms);
    return `M${(at === -1 ? lifetimes.length : at) * step} 0v${HEIGHT}`;
  };
  const svg = (name, attributes, ...children) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.append(...children);
    return element;
  };
  return svg(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: 'borders', 'aria-hidden': 'true' },
    svg('path', { d: lifetimes.map(bar).join(''), class: 'bars' }),
    svg('path', { d: borders.map(border).join(''), class: 'border' }),
  );
}

/** The share of bytes between two borders. */
function clustersOf({ lifetimes, borders }) {
  const edges = [0, ...borders, Infinity];
  const all = lifetimes.reduce((sum, one) => sum + one.bytes, 0);
  return edges.slice(1).map((end, i) => {
    const inside = lifetimes.filter(({ ms }) => ms >= edges[i] && ms < end);
    const sum = inside.reduce((total, one) => total + one.bytes, 0);
    return { from: edges[i], to: end, bytes: sum, share: all === 0 ? 0 : sum / all };
  });
}

const range = ({ from, to }) =>
  to === Infinity ? `${duration(from)} and longer` : `${duration(from)} to ${duration(to)}`;

function sizeFigure(one) {
  const name = `Up to ${size(one.size)}`;
  const rows = clustersOf(one);
  const columns = [
    { title: 'Lived', show: range },
    { title: 'Bytes', number: true, show: (row) => bytes(row.bytes) },
    { title: 'Share', number: true, show: (row) => percent(row.share) },
  ];
  return h(
    'figure',
    h('figcaption', name),
    chart(one),
    table({ caption: `Clusters of what is of ${name.toLowerCase()}`, columns, rows, named: false })
      .element,
  );
}

/** @param {{ sizes: object[], strategies: object[], sites: object[] }} placement */
export function placementSection({ name, sizes, strategies, sites }) {
  const all = strategies.reduce((sum, one) => sum + one.bytes, 0);
  const changes = [
    { title: 'Belongs in', show: ({ strategy }) => WHERE[strategy] },
    { title: 'Bytes', number: true, show: (row) => bytes(row.bytes) },
    { title: 'Share', number: true, show: (row) => percent(all === 0 ? 0 : row.bytes / all) },
  ];
  const columns = [
    { title: 'Site', value: (row) => row.title, show: (row) => breakable(row.title) },
    {
      title: 'Belongs in',
      value: (row) => row.strategy,
      show: (row) => [
        WHERE[row.strategy],
        row.strategy !== 'leave' && h('span.function', row.certainty),
      ],
    },
    { title: 'Bytes', number: true, value: (row) => row.bytes, show: (row) => bytes(row.bytes) },
    {
      title: 'Samples',
      number: true,
      value: (row) => row.samples,
      show: (row) => count(row.samples),
    },
  ];
  return h(
    'section',
    { id: 'placement' },
    h('h2', 'What the table would change'),
    h('p', `By ${name}. What was recorded while the table was in use is counted by its sites too.`),
    table({
      caption: 'Bytes of lines and sites, by where they belong',
      columns: changes,
      rows: strategies,
    }).element,
    table({
      caption: 'Sites of the table',
      columns,
      rows: sites,
      sortable: true,
      first: 2,
      empty: 'The table has none.',
    }).element,
    h('h3', 'Where lifetimes fall apart'),
    sizes.map(sizeFigure),
  );
}
