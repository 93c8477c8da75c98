'use strict';

// A table as constants of Rust, for programs that use the crate (src/lifetime/table.rs).

const { sizeClassOf } = require('../buckets.js');

const STRATEGIES = { request: 'Request', slab: 'Slab', region: 'Region' };

/** `Rows.parseRow` → `ROWS_PARSE_ROW`. */
function constantOf(name) {
  const words = name
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1_$2')
    .replace(/[^A-Za-z\d]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toUpperCase();
  return /^[A-Z]/.test(words) ? words : `SITE_${words}`.replace(/_$/, '');
}

/** No line break, nor anything else that could end a comment, comes from the name of a file or of a function. */
const commentOf = ({ file, line, column, function: name, source }) =>
  `${file}:${line}:${column} ${name}: ${source}`.replace(/[^\x20-\x7e]/g, '?');

/** The sites that have a strategy, each with a name of its own. */
function named(sites) {
  const known = new Set(['TABLE']);
  return sites
    .filter(({ strategy }) => strategy !== 'leave')
    .map((site) => {
      const first = constantOf(site.function);
      let name = first;
      for (let n = 2; known.has(name); n++) name = `${first}_${n}`;
      known.add(name);
      return { ...site, name };
    });
}

/** The text of a file of Rust. */
function rustOf({ sites }) {
  const all = named(sites);
  const length = 2 ** Math.ceil(Math.log2(Math.max(1, all.length)));
  const entries = all.map(
    ({ strategy, size }) => `Entry::new(Strategy::${STRATEGIES[strategy]}, ${sizeClassOf(size)})`,
  );
  while (entries.length < length) entries.push('Entry::NONE');
  const constants = all.map(
    (site, number) =>
      `/// ${commentOf(site)}\npub const ${site.name}: Site = Site::new(${number});\n`,
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
