'use strict';

// Writes a table as Rust constants, for programs that use the crate (src/lifetime/table.rs).

const { sizeClassOf } = require('../../recorder/buckets.js');

const STRATEGIES = { leave: 'Leave', request: 'Request', slab: 'Slab', region: 'Region' };

/** `Rows.parseRow` → `ROWS_PARSE_ROW`. */
function constantOf(name) {
  const words = name
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1_$2')
    .replace(/[^A-Za-z\d]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toUpperCase();
  return /^[A-Z]/.test(words) ? words : `SITE_${words}`.replace(/_$/, '');
}

const strategyOf = (strategy) => `Strategy::${STRATEGIES[strategy]}`;

const isPlaced = ({ strategy }) => strategy !== 'leave';

/** The constant of a line with a strategy. */
const lineOf = ({ file, line, column, function: name, source, strategy, size }) => ({
  first: constantOf(name),
  comment: `${file}:${line}:${column} ${name}: ${source}`,
  entry: `Entry::new(${strategyOf(strategy)}, ${sizeClassOf(size)})`,
});

/** The constant of a site('name') of which some size has a strategy. */
function nameOf({ name, strategy, size, sizes }) {
  const others = sizes.map((one) => `(${sizeClassOf(one.size)}, ${strategyOf(one.strategy)})`);
  return {
    first: constantOf(name),
    comment: `site('${name}')`,
    entry: `Entry::by_size(${strategyOf(strategy)}, ${sizeClassOf(size)}, &[${others.join(', ')}])`,
  };
}

/** Gives each site a constant of its own. Named sites come first: their constants must not change with the lines. */
function constantsOf(sites, named) {
  const known = new Set(['TABLE']);
  const names = named.filter((one) => isPlaced(one) || one.sizes.some(isPlaced)).map(nameOf);
  return [...names, ...sites.filter(isPlaced).map(lineOf)].map((site) => {
    let constant = site.first;
    for (let n = 2; known.has(constant); n++) constant = `${site.first}_${n}`;
    known.add(constant);
    return { ...site, constant };
  });
}

/** Removes line breaks, and anything else that could end a comment, from the names of files, functions and sites. */
const commentOf = ({ comment }) => comment.replace(/[^\x20-\x7e]/g, '?');

/** The text of the Rust file. */
function rustOf({ sites, named = [] }) {
  const all = constantsOf(sites, named);
  const length = 2 ** Math.ceil(Math.log2(Math.max(1, all.length)));
  const entries = all.map(({ entry }) => entry);
  while (entries.length < length) entries.push('Entry::NONE');
  const constants = all.map(
    (site, number) =>
      `/// ${commentOf(site)}\npub const ${site.constant}: Site = Site::new(${number});\n`,
  );
  const types = all.length === 0 ? 'Entry, Table' : 'Entry, Site, Strategy, Table';
  return `// Made by "ralloc bake --rust".

use ralloc_core::lifetime::{${types}};

${constants.join('\n')}${all.length === 0 ? '' : '\n'}/// Where the bytes of each site go.
#[rustfmt::skip]
pub static TABLE: Table<${length}> = Table::new([
${entries.map((entry) => `    ${entry},\n`).join('')}]);
`;
}

module.exports = { rustOf };
