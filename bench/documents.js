'use strict';

// What bench/publish.js writes into documents of raw results (method/results.js). Pure.

const { APPLICATIONS } = require('./apps/applications.js');
const { WIDTH, barsOf, memoryOf } = require('./charts.js');
const { fieldOf } = require('./method/report.js');
const { summaryOf } = require('./method/results.js');
const { differs } = require('../tools/compare/statistics.js');
const { ABOUT } = require('../demo/screen.js');

const majorOf = ({ node }) => node.split('.')[0];
const unique = (values) => [...new Set(values)];
const inOrder = (a, b) => a.localeCompare(b, 'en', { numeric: true });

/** Those of each major version, the oldest first: `[{ title, results }]`. */
function byMajor(results) {
  return unique(results.map(majorOf))
    .sort(inOrder)
    .map((major) => {
      const of = results.filter((one) => majorOf(one) === major);
      const versions = unique(of.map(({ node }) => node)).sort(inOrder);
      return { title: `Node ${versions.join(', ')}`, results: of };
    });
}

/** What the figures hold for. */
function machineLine(results) {
  const machines = results.map(({ cpu, cores, platform, arch }) =>
    [...(cpu === null ? [] : [cpu]), `${cores} cores`, `${platform} ${arch}`].join(', '),
  );
  const commits = results.filter(({ commit }) => commit !== null);
  const when = commits.map(({ commit, date }) => `commit ${commit}, ${date}`);
  return `Measured on: ${unique([...machines, ...when]).join('; ')}.`;
}

const table = (titles, rows) => {
  const [head, ...lines] = [titles, ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return [head, `|${'---|'.repeat(titles.length)}`, ...lines];
};

/** A column for each Node. `cellsOf(result)`: `[[row, cell, its title or else the row]]`. */
function columnsOf(title, results, cellsOf) {
  const nodes = byMajor(results).map((node) => ({
    title: node.title,
    cells: new Map(node.results.flatMap(cellsOf).map(([row, ...cell]) => [row, cell])),
  }));
  const rows = unique(nodes.flatMap(({ cells }) => [...cells.keys()])).map((row) => {
    const found = nodes.map(({ cells }) => cells.get(row) ?? ['']);
    return [found.find(([, told]) => told)?.[1] ?? row, ...found.map(([cell]) => cell)];
  });
  return table([title, ...nodes.map((node) => node.title)], rows).join('\n');
}

const intervalOf = ({ low, high }) => `${low.toFixed(2)}–${high.toFixed(2)}`;

/** A ratio and its interval, in bold if it differs. */
const against = (ratio) =>
  differs(ratio) ? `**${ratio.value.toFixed(2)}×** ${intervalOf(ratio)}` : `≈ ${intervalOf(ratio)}`;

const shown = (row, field) => {
  const value = row.median?.[field] ?? null;
  return value === null ? '' : fieldOf(field).show(value);
};

/** "2,953 → 7,166", and below it the ratio. */
function pairOf(base, other, field) {
  const ratio = other.ratio?.[field];
  if (!ratio) return '';
  const [from, to] = [shown(base, field), shown(other, field)];
  const unit = / \S+$/.exec(to)?.[0];
  return `${unit && from.endsWith(unit) ? from.slice(0, -unit.length) : from} → ${to}<br>${against(ratio)}`;
}

const rowsOf = (result) => Object.fromEntries(summaryOf(result).map((row) => [row.name, row]));

// The demo: of each mix the base, and what is compared with it.

const DEMO = ['rps', 'p999', 'rss'];
const DEMO_TITLES = ['requests/s', 'p99.9', 'peak RSS', 'major GCs in 10,000'];
const collections = (value) => (value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0));

/** `other`: the name of what is compared with the first. */
const demoPart = (other) => (results) => {
  const rowOf = (result) => {
    const rows = rowsOf(result);
    const [base, compared] = [rows[result.rows[0].name], rows[other]];
    const majors = [base, compared].map(({ totals }) => collections(totals.majorGcs));
    const cells = DEMO.map((field) => pairOf(base, compared, field));
    return [`\`${result.scenario}\`: ${ABOUT[result.scenario]}`, ...cells, majors.join(' → ')];
  };
  const mixes = Object.keys(ABOUT);
  const sorted = results.toSorted((a, b) => mixes.indexOf(a.scenario) - mixes.indexOf(b.scenario));
  const tables = byMajor(sorted).map(({ title, results: of }) =>
    table([title, ...DEMO_TITLES], of.map(rowOf)).join('\n'),
  );
  return tables.join('\n\n');
};

const times = (ratio) => (differs(ratio) ? `${ratio.value.toFixed(2)}×` : '≈');

const pictureOf = (file, alt) => [
  '<picture>',
  `  <source media="(prefers-color-scheme: dark)" srcset="${file}-dark.svg">`,
  `  <img src="${file}-light.svg" width="${WIDTH}" alt="${alt}">`,
  '</picture>',
];

function chartPart(results) {
  const bars = barsOf(results);
  const told = bars.map(({ mix, bars: of }) => {
    const each = of.map(({ ralloc: { ratio } }) =>
      differs(ratio.rps) ? times(ratio.rps) : 'no difference',
    );
    return `${mix}: ${each.join(', ')}`;
  });
  const nodes = unique(bars.flatMap(({ bars: of }) => of.map(({ node }) => node)));
  const alt = `Requests per second, relative to Buffer.allocUnsafe, on Node ${nodes.join(', ')}. ${told.join('; ')}.`;
  const last = bars.map(({ mix, bars: of }) => [mix, of.at(-1)]);
  const memory = last.map(([mix, { ralloc }]) => `\`${mix}\` ${times(ralloc.ratio.rss)}`);
  const [{ cpu, cores, platform, arch }] = results;
  return [
    ...pictureOf('docs/chart', alt),
    '',
    `An Express 5 server under load (${cpu}, ${cores} cores, ${platform} ${arch}).`,
    `Peak memory on Node ${last[0][1].node}: ${memory.join(', ')}.`,
  ].join('\n');
}

function memoryPart(results) {
  const told = memoryOf(results).map(
    ({ label, most, last }) => `${label} up to ${most} MB, ${last} MB at the end`,
  );
  return pictureOf('../memory', `Memory (RSS) over time: ${told.join('; ')}.`).join('\n');
}

// Operations.

const MOUNT = {
  loadMs: 'loading, CPU',
  restRss: 'before any request, RSS',
  firstMs: 'the first 2,000 requests, CPU',
  firstRss: 'after the first 2,000, RSS',
  laterRss: '4.5 s later, RSS',
  nextMs: 'the 4,000 requests after those, CPU',
};

function mountPart(results) {
  const cellsOf = (result) => {
    const { plain, mounted } = rowsOf(result);
    return Object.entries(MOUNT).map(([field, title]) => [title, pairOf(plain, mounted, field)]);
  };
  return columnsOf('plain → mounted', results, cellsOf);
}

/** A row for each framework: what its adapter takes more than the same handler without it. */
function middlewarePart(results) {
  const micros = (ns) => (ns / 1000).toFixed(2);
  const cellsOf = (result) => {
    const [, empty, ralloc, whole] = summaryOf(result);
    const share = (100 * ralloc.more.ns) / whole.median.ns;
    const more = `+ ${micros(ralloc.more.ns)} (${share.toFixed(1)} %, ${micros(empty.more.ns)})`;
    return [
      [`\`${result.scenario.replace('on ', '')}\``, `${micros(whole.median.ns)} µs<br>${more}`],
    ];
  };
  const adapters = results.filter(({ scenario }) => scenario.startsWith('on '));
  return columnsOf('framework', adapters, cellsOf);
}

/** A row for each rival: what it takes in `fields`, and against the first. */
const operationsPart =
  (fields, isShown = () => true) =>
  (results) => {
    const cellsOf = (result) =>
      summaryOf(result).map((row, n) => [
        `${result.scenario}: ${row.name}`,
        fields
          .flatMap((field) => [shown(row, field), n === 0 ? '1' : against(row.ratio[field])])
          .filter(Boolean)
          .join('<br>'),
        `${n === 0 ? `**${result.scenario}**: ` : ''}\`${row.name}\``,
      ]);
    const of = results.filter(({ scenario }) => isShown(scenario));
    return columnsOf(fields.map((field) => fieldOf(field).title).join(', '), of, cellsOf);
  };

// Applications.

const IN_README = ['interceptor', 'raw-1m', 'json', 'hello']; // two that gain, one that does not use its arenas, one that loses
const RIVALS = ['plain + flag', 'ralloc'];
const FIELDS = ['fullCpuUs', 'rss'];

/** `[{ title, applications: { name: its rows by name } }]`, in the order of all documents. */
const applicationsByMajor = (results) =>
  byMajor(results).map(({ title, results: of }) => {
    const named = Object.keys(APPLICATIONS).flatMap((name) => {
      const result = of.find(({ scenario }) => scenario === name);
      return result === undefined ? [] : [[name, rowsOf(result)]];
    });
    return { title, applications: Object.fromEntries(named) };
  });

/** And RSS at rest, of those that native memory is the pain of. */
const fieldsOf = ({ median }) => (median?.restRss === undefined ? FIELDS : [...FIELDS, 'restRss']);

const compared = (row) =>
  row === undefined
    ? ''
    : fieldsOf(row)
        .map((field) => against(row.ratio[field]))
        .join('<br>');

function applicationsPart(results) {
  const nodes = applicationsByMajor(results);
  const known = Object.keys(APPLICATIONS).filter((name) =>
    nodes.some(({ applications }) => name in applications),
  );
  const about = known.map((name) => `- \`${name}\`: ${APPLICATIONS[name].about}`);
  const tables = nodes.flatMap(({ title, applications }) => {
    const all = Object.entries(applications);
    const rivals = RIVALS.filter((rival) => all.some(([, rows]) => rival in rows));
    const rows = all.map(([name, { plain, ...others }]) => [
      `\`${name}\``,
      fieldsOf(plain)
        .map((field) => shown(plain, field))
        .join('<br>'),
      ...rivals.map((rival) => compared(others[rival])),
    ]);
    return ['', ...table([title, 'plain', ...rivals], rows)];
  });
  return [...about, ...tables].join('\n');
}

const isUnchanged = (name) => APPLICATIONS[name].ralloc === undefined;

/**
 * What ralloc/auto alone does: a variant of its own, or `ralloc` where that is all that it changes.
 */
const autoOf = (name, rows) => rows[isUnchanged(name) ? 'ralloc' : 'auto'];

/**
 * What README shows: by ralloc/auto, by calls of ralloc, and by V8's flag, of the Node with the
 * most applications.
 */
function readmePart(results) {
  const countOf = ({ applications }) => Object.keys(applications).length;
  const [{ title, applications }] = applicationsByMajor(results).toSorted(
    (a, b) => countOf(b) - countOf(a),
  );
  const cell = (row) => (row ? FIELDS.map((field) => times(row.ratio[field])).join(', ') : '');
  const rows = IN_README.filter((name) => name in applications).map((name) => {
    const all = applications[name];
    const called = isUnchanged(name) ? undefined : all.ralloc;
    return [
      `\`${name}\`: ${APPLICATIONS[name].about.split(/[:;] /)[0]}`,
      FIELDS.map((field) => shown(all.plain, field)).join(', '),
      ...[autoOf(name, all), called, all['plain + flag']].map(cell),
    ];
  });
  const titles = [title, 'CPU a request, peak RSS', '`ralloc run`', "ralloc's API", "V8's flag"];
  return table(titles, rows).join('\n');
}

/**
 * What README shows of `ralloc run`: a flood (plain, and with a limit), what is left at rest, and
 * what small Buffers pin that are kept.
 */
function unchangedPart(results) {
  const of = (bench, scenario) =>
    results.find((one) => one.bench === bench && one.scenario === scenario);
  const flood = of('floods', 'multer');
  const outcomeOf = ({ blocks, totals: { honest, state } }) => {
    const [[served]] = blocks.served;
    const all = served === honest ? 'all served' : `${served} of ${honest} served`;
    return state === 'alive' ? all : `${state}, ${all}`;
  };
  const row = (title, result, field) => {
    const rows = summaryOf(result);
    const [base, other] = [rows[0], rows.at(-1)];
    return [title, shown(base, field), `${shown(other, field)}, ${times(other.ratio[field])}`];
  };
  const [plain, limit] = flood.rows;
  return table(
    [`Node ${flood.node}`, 'plain', '`ralloc run`'],
    [
      [`${plain.totals.honest} uploads at once, 384 MiB`, outcomeOf(plain), outcomeOf(limit)],
      row('RSS of a server of images, at rest', of('applications', 'sharp'), 'restRss'),
      row('RSS where tokens pin the pool', of('pool', 'pins'), 'lastRss'),
    ],
  ).join('\n');
}

/** What ralloc/auto gains, on each Node where it was measured. */
function autoPart(results) {
  const columns = applicationsByMajor(results)
    .map(({ title, applications }) => ({
      title,
      of: (name) => (name in applications ? autoOf(name, applications[name]) : undefined),
    }))
    .filter(({ of }) => Object.keys(APPLICATIONS).some(of));
  const names = Object.keys(APPLICATIONS).filter((name) => columns.some(({ of }) => of(name)));
  const isOther = (row) =>
    row !== undefined && fieldsOf(row).some((field) => differs(row.ratio[field]));
  const differ = names.filter((name) => columns.some(({ of }) => isOther(of(name))));
  const alike = names.filter((name) => !differ.includes(name)).map((name) => `\`${name}\``);
  const rows = differ.map((name) => [
    `\`${name}\``,
    ...columns.map(({ of }) => compared(of(name))),
  ]);
  return [
    ...table(['CPU, peak RSS, and RSS at rest', ...columns.map(({ title }) => title)], rows),
    ...(alike.length > 0 ? ['', `No difference in any: ${alike.join(', ')}.`] : []),
  ].join('\n');
}

const PAGE = 'docs/explain/figures.md';

/**
 * Each part: its document, its name there, the bench or benches whose results it shows (null: all
 * of the document), and what makes it of them.
 */
const PARTS = [
  ['README.md', 'demo', 'demo', chartPart],
  ['README.md', 'unchanged', ['floods', 'pool', 'applications'], unchangedPart],
  ['README.md', 'applications', 'applications', readmePart],
  [PAGE, 'machine', null, machineLine],
  [PAGE, 'demo', 'demo', demoPart('ralloc')],
  [PAGE, 'memory', 'memory', memoryPart],
  [PAGE, 'mount', 'mount', mountPart],
  [PAGE, 'middleware', 'middleware', middlewarePart],
  [PAGE, 'fallback', 'fallback', demoPart('ralloc-js')],
  [PAGE, 'buffers', 'buffers', operationsPart(['ns'], (name) => /^(a pair|16 B)/.test(name))],
  [PAGE, 'cache', 'cache', operationsPart(['heldRss', 'p99Ns'])],
  [PAGE, 'messages', 'messages', operationsPart(['ns'])],
  [PAGE, 'applications', 'applications', applicationsPart],
  [PAGE, 'auto', 'applications', autoPart],
];

module.exports = { PARTS };
