// The table of the costliest lines. A row opens to show the line's code, its stacks, and how long its bytes lived.

import { lifetimes } from './chart.mjs';
import { h, newId } from './dom.mjs';
import { bytes, count, errorText, percent, perSecond, size } from './format.mjs';
import { key, strip } from './life.mjs';
import { breakable, calledOf, codeOf, functionOf, nameOf, snippet } from './place.mjs';
import { table } from './table.mjs';

/** So many are shown at first, and more on request. */
const FIRST = 25;

const OWNERS = {
  all: 'everything',
  application: 'lines of the application',
  dependency: 'lines of dependencies',
  node: 'without a line: streams and Node itself',
};

function stackOf({ stack, source, route, bytes: all }, whole, show) {
  const frames = stack.map(({ function: name, file, line, column }) =>
    h(
      'li',
      h('span.function', calledOf(name)),
      ' ',
      h('span.path', breakable(`${show(file)}:${line}:${column}`)),
    ),
  );
  const head = [
    `${bytes(all)}, ${percent(all / whole)} of the line’s, by ${source}`,
    route && ` in ${route}`,
  ];
  return h('li', h('p', head), frames.length > 0 && h('ol.frames', { reversed: true }, frames));
}

function facts(line, seconds) {
  const { withRequest, outlived, pinned, transferred } = line;
  const told = withRequest + outlived;
  const rows = [
    [
      'Allocated',
      `${bytes(line.bytes)} (${errorText(line.error, line)}), ${perSecond(line.bytes / seconds)}, in ${count(line.count)} allocations (${count(line.samples)} samples)`,
    ],
    ['By', line.sources.join(', ')],
    line.routes.length > 0 && ['In requests', line.routes.join(', ')],
    [
      'Alive at the end',
      `${bytes(line.live)} (${errorText(line.liveError)}); at its peak ${bytes(line.peak)}`,
    ],
    told > 0 && [
      'With its request',
      `${percent(withRequest / told)} died with the request, ${percent(outlived / told)} outlived it`,
    ],
    pinned > 0 && [
      'Pinned',
      `${bytes(pinned)} that slices keep alive beyond their own bytes, of these Buffers or of Buffer’s pool`,
    ],
    transferred > 0 && ['Moved', `${bytes(transferred)} to another thread or ArrayBuffer`],
  ];
  return h(
    'dl.facts',
    rows.filter(Boolean).map(([name, value]) => h('div', h('dt', name), h('dd', value))),
  );
}

function details(line, { recording, show }) {
  const sizes = [
    { title: 'Size of an allocation', show: ({ to }) => `up to ${size(to)}` },
    { title: 'Allocations', number: true, show: (row) => count(row.count) },
    { title: 'Bytes', number: true, show: (row) => bytes(row.bytes) },
  ];
  return h(
    'div.details',
    facts(line, recording.seconds),
    snippet(line) ??
      (line.path &&
        h('p.note', 'The code is not on this machine, or is no file of JavaScript or TypeScript.')),
    line.lifetimes.length > 0 &&
      lifetimes({ title: `How long the bytes of ${nameOf(line)} lived`, buckets: line.lifetimes }),
    line.stacks.some(({ stack }) => stack.length > 0) && [
      h('h3', 'How it is reached'),
      h(
        'ol.stacks',
        line.stacks.map((one) => stackOf(one, line.bytes, show)),
      ),
      line.moreStacks > 0 && h('p.note', `and ${line.moreStacks} more stacks with fewer bytes`),
    ],
    h('h3', 'Sizes'),
    table({ caption: `Sizes of what ${nameOf(line)} allocates`, columns: sizes, rows: line.sizes })
      .element,
  );
}

const matches = (line, text, owner) => {
  if (owner !== 'all' && line.owner !== owner) return false;
  const words = [
    nameOf(line),
    line.function ?? '',
    line.file ?? '',
    ...line.sources,
    ...line.routes,
  ];
  return words.join(' ').toLowerCase().includes(text.trim().toLowerCase());
};

const within = (value, error, bounds) => [
  h('span.value', bytes(value)),
  ' ',
  h('span.error', errorText(error, bounds)),
];

/** A note about the lines that the page leaves out: it has some hundreds, and a profile may have a hundred thousand. */
const othersOf = ({ moreLines, moreBytes, moreLive }, whole) =>
  moreLines > 0 &&
  h(
    'p.note.others',
    `and ${count(moreLines)} ${moreLines === 1 ? 'other' : 'others'} with fewer bytes: together ${bytes(moreBytes)}, ${percent(moreBytes / whole.bytes)} of all, and ${bytes(moreLive)} alive at the end. "ralloc report --json" has them.`,
  );

export function linesSection({ lines, whole, ...recording }, { show, ids }) {
  const opened = new Map();
  const rowOf = (line, cellsOf) => {
    const row = h('tr', { id: ids.get(line.key) }, cellsOf(columns, line));
    return opened.get(line.key) === undefined ? [row] : [row, opened.get(line.key)];
  };
  const toggle = (line, button) => {
    const known = opened.get(line.key);
    if (known !== undefined) {
      known.remove();
      opened.delete(line.key);
    } else {
      const cell = h('td', { colspan: columns.length }, details(line, { recording, show }));
      const row = h('tr.more', { id: `${ids.get(line.key)}-more` }, cell);
      button.closest('tr').after(row);
      opened.set(line.key, row);
    }
    button.setAttribute('aria-expanded', String(known === undefined));
  };
  const place = (line) => {
    const attributes = {
      type: 'button',
      'aria-expanded': String(opened.has(line.key)),
      'aria-controls': `${ids.get(line.key)}-more`,
      onclick: ({ currentTarget }) => toggle(line, currentTarget),
    };
    const name = h('button.line', attributes, breakable(nameOf(line)));
    return [
      name,
      h('span.function', [
        functionOf(line) ?? line.sources[0],
        line.grows && h('span.badge', 'grows'),
      ]),
      codeOf(line),
    ];
  };
  const columns = [
    { title: 'Line', show: place, value: nameOf },
    {
      title: 'Allocated',
      number: true,
      show: (line) => within(line.bytes, line.error, line),
      value: (line) => line.bytes,
    },
    {
      title: 'Share',
      number: true,
      show: (line) => percent(line.bytes / whole.bytes),
      value: (line) => line.bytes,
    },
    {
      title: 'Alive at the end',
      number: true,
      show: (line) => (line.live > 0 ? within(line.live, line.liveError) : '0 B'),
      value: (line) => line.live,
    },
    { title: 'Peak', number: true, show: (line) => bytes(line.peak), value: (line) => line.peak },
    { title: 'Lived for', show: strip, value: (line) => line.median ?? Infinity },
    {
      title: 'Allocations',
      number: true,
      show: (line) => count(line.count),
      value: (line) => line.count,
    },
  ];
  const shown = { text: '', owner: 'all', all: false };
  const status = h('p.status', { role: 'status' });
  const every = h('button.plain', { type: 'button' });
  const listed = table({
    caption: 'The costliest lines',
    columns,
    rows: [],
    sortable: true,
    first: 1,
    named: false,
    row: rowOf,
    empty: 'No line matches.',
  });
  const update = () => {
    const found = lines.filter((line) => matches(line, shown.text, shown.owner));
    const some = shown.all ? found : found.slice(0, FIRST);
    listed.update(some);
    status.textContent = `${some.length} of ${lines.length} lines`;
    every.hidden = some.length === found.length;
    every.textContent = `Show all ${found.length}`;
  };
  every.addEventListener('click', () => {
    shown.all = true;
    update();
  });
  const filter = newId('filter');
  const owner = newId('owner');
  const controls = h(
    'div.controls',
    h('label', { for: filter }, 'Filter'),
    h('input', {
      id: filter,
      type: 'search',
      placeholder: 'file, function or route',
      oninput: ({ target }) => {
        shown.text = target.value;
        update();
      },
    }),
    h('label', { for: owner }, 'Show'),
    h(
      'select',
      {
        id: owner,
        onchange: ({ target }) => {
          shown.owner = target.value;
          update();
        },
      },
      Object.entries(OWNERS).map(([value, text]) => h('option', { value }, text)),
    ),
    status,
  );
  update();
  /** Opens a line that a link leads to, even if it was not shown yet. */
  const open = (line) => {
    const id = ids.get(line.key);
    if (document.getElementById(id) === null) {
      Object.assign(shown, { text: '', owner: 'all', all: true });
      document.getElementById(filter).value = '';
      document.getElementById(owner).value = 'all';
      update();
    }
    const button = document.getElementById(id).querySelector('button.line');
    if (!opened.has(line.key)) toggle(line, button);
    button.focus();
    button.scrollIntoView({ block: 'start' });
  };
  const element = h(
    'section',
    { id: 'lines' },
    h('h2', 'The costliest lines'),
    controls,
    key(),
    listed.element,
    every,
    othersOf(recording, whole),
  );
  return { element, open };
}
