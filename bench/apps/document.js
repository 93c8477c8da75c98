// What bench/publish.js writes into docs/explain/applications.md, docs/guide/zero-lines.md and README of runs of bench:apps. Pure.

const { machineLine, whole } = require('../../demo/figures.js');
const { differs, quotient } = require('../method/statistics.js');
const { APPLICATIONS } = require('./applications.js');

/** What README shows: two applications that gain, one that does not use its arenas, and one that loses. */
const IN_README = ['raw-1m', 'interceptor', 'json', 'hello'];
const RIVALS = ['plain + flag', 'ralloc', 'ralloc + flag', 'fallback'];

/** Node → application → variant → its run. */
function runsByNode(runs) {
  const nodes = {};
  for (const run of runs) {
    if (run.errors > 0) throw new Error(`${run.application} has ${run.errors} errors`);
    nodes[run.node] ??= {};
    nodes[run.node][run.application] ??= {};
    nodes[run.node][run.application][run.allocator] = run;
  }
  return nodes;
}

/** The Node on which most applications were measured, with these; of several the newest. */
function fullest(runs) {
  const countOf = ([, applications]) => Object.keys(applications).length;
  return Object.entries(runsByNode(runs))
    .sort((a, b) => countOf(a) - countOf(b))
    .at(-1);
}

/** Their names, in the order of all documents. */
const namesOf = (applications) => Object.keys(APPLICATIONS).filter((name) => name in applications);

/** Bold where it differs. */
function against({ value, low, high }) {
  const ratio = value.toFixed(2);
  const shown = differs({ value, low, high }) ? `**${ratio}**` : `≈ ${ratio}`;
  return `${shown} [${low.toFixed(2)}, ${high.toFixed(2)}]`;
}

const costs = ({ fullCpuUs, rss }) => `${whole(fullCpuUs)} µs<br>${whole(rss / 1e6)} MB`;

const compared = (run) =>
  run === undefined ? '' : `${against(run.ratio.fullCpuUs)}<br>${against(run.ratio.rss)}`;

function rowOf(name, variants, rivals) {
  const cells = rivals.map((rival) => compared(variants[rival]));
  return `| ${[`\`${name}\``, costs(variants.plain), ...cells].join(' | ')} |`;
}

const aboutOf = (name, variants) =>
  `- \`${name}\`: ${APPLICATIONS[name].about}; ${variants.ralloc.linesChanged} lines`;

/** What a middleware that does nothing costs there, if it was measured. */
const emptyOf = (name, run) =>
  run === undefined
    ? []
    : [
        '',
        `\`${name}\` with \`(req, res, next) => next()\` in the place of \`requestArena()\`: CPU ${against(run.ratio.fullCpuUs)}, RSS ${against(run.ratio.rss)}.`,
      ];

function tableOf(node, applications) {
  const known = namesOf(applications);
  const rivals = RIVALS.filter((rival) => known.some((name) => rival in applications[name]));
  const titles = ['application', 'plain', ...rivals];
  return [
    `### Node ${node.replace(/^v/, '')}`,
    '',
    `| ${titles.join(' | ')} |`,
    `|${'---|'.repeat(titles.length)}`,
    ...known.map((name) => rowOf(name, applications[name], rivals)),
    ...known.flatMap((name) => emptyOf(name, applications[name]['empty middleware'])),
  ];
}

function applicationsPart(runs) {
  const nodes = runsByNode(runs);
  const all = Object.assign({}, ...Object.values(nodes));
  const [first] = Object.values(all);
  return [
    `Measured on: ${machineLine(first.plain.machine)}. In each cell CPU of a request, then the peak of RSS; ratios to plain with their 95 % intervals, in bold what differs.`,
    '',
    ...namesOf(all).map((name) => aboutOf(name, all[name])),
    ...Object.keys(nodes).flatMap((node) => ['', ...tableOf(node, nodes[node])]),
  ].join('\n');
}

const ratioOf = (ratio) => (differs(ratio) ? `**${ratio.value.toFixed(2)} ×**` : '≈');

/** The table of README. */
function readmePart(runs) {
  const [node, applications] = fullest(runs);
  const cells = ({ ratio }) => [ratio.fullCpuUs, ratio.rss].map(ratioOf);
  const rows = IN_README.filter((name) => name in applications).map((name) => {
    const { ralloc, 'plain + flag': flag } = applications[name];
    const rivals = [ralloc, flag].flatMap((run) => (run === undefined ? ['', ''] : cells(run)));
    return `| ${[`\`${name}\`: ${APPLICATIONS[name].about}`, ...rivals].join(' | ')} |`;
  });
  return [
    `| Node ${node.replace(/^v/, '')}; ≈: no difference | CPU | peak RSS | flag: CPU | peak RSS |`,
    `|${'---|'.repeat(5)}`,
    ...rows,
  ].join('\n');
}

const isUnchanged = (name) => APPLICATIONS[name].ralloc === undefined;

/** What ralloc/auto alone does: a variant of its own, or `ralloc` where that is all that it changes. */
const autoOf = (name, variants) => variants[isUnchanged(name) ? 'ralloc' : 'auto'];

/** The same with V8's flag on both sides. */
function withFlag(name, variants) {
  const [run, base] = [
    variants[isUnchanged(name) ? 'ralloc + flag' : 'auto + flag'],
    variants['plain + flag'],
  ];
  if (run === undefined || base === undefined) return undefined;
  const of = (what) => quotient(run.ratio[what], base.ratio[what]);
  return { ratio: { fullCpuUs: of('fullCpuUs'), rss: of('rss') } };
}

const COMPARED = [
  ['', autoOf],
  [', both with the flag', withFlag],
];

const isOther = (run) =>
  run !== undefined && (differs(run.ratio.fullCpuUs) || differs(run.ratio.rss));

/** The table of zero lines, on the two Nodes where most was measured. */
function autoPart(runs) {
  const countOf = ([, applications]) =>
    namesOf(applications).filter((name) => autoOf(name, applications[name])).length;
  const nodes = Object.entries(runsByNode(runs))
    .sort((a, b) => countOf(b) - countOf(a))
    .slice(0, 2);
  const columns = nodes
    .flatMap(([node, applications]) =>
      COMPARED.map(([how, of]) => ({
        title: `Node ${node.replace(/^v/, '')}${how}`,
        of: (name) => (name in applications ? of(name, applications[name]) : undefined),
      })),
    )
    .filter(({ of }) => Object.keys(APPLICATIONS).some(of));
  const names = Object.keys(APPLICATIONS).filter((name) =>
    columns.some(({ of }) => of(name) !== undefined),
  );
  const differ = names.filter((name) => columns.some(({ of }) => isOther(of(name))));
  const alike = names.filter((name) => !differ.includes(name)).map((name) => `\`${name}\``);
  const rowFor = (name) => [`\`${name}\``, ...columns.map(({ of }) => compared(of(name)))];
  return [
    `| CPU, and peak RSS | ${columns.map(({ title }) => title).join(' | ')} |`,
    `|---|${'---|'.repeat(columns.length)}`,
    ...differ.map((name) => `| ${rowFor(name).join(' | ')} |`),
    ...(alike.length > 0 ? ['', `No difference in any: ${alike.join(', ')}.`] : []),
  ].join('\n');
}

module.exports = { applicationsPart, autoPart, readmePart };
