'use strict';

// Sites with a state of their own, tables for them, and requests.

const fs = require('node:fs');
const path = require('node:path');
const { textOf } = require('../../lib/site/table-file.js');
const { Exchange } = require('./exchange.js');
const { folder } = require('./folder.js');
const { fresh } = require('./fresh.js');

const KiB = 1024;

const REASONS = {
  leave: 'never-ends',
  request: 'with-request',
  slab: 'medium-alike',
  region: 'long',
};

/** What a table has of a size class, or of all. */
const decided = (strategy, size, certainty = 'proved') => ({
  strategy,
  certainty,
  reason: REASONS[strategy],
  size,
  ...{ bytes: 1e9, samples: 5000, exceptions: 0 },
});

/** A site of a table. `sizes`: size → strategy, of those that differ. */
const named = (name, strategy, { size = 64 * KiB, certainty, sizes = {} } = {}) => ({
  name,
  ...decided(strategy, size, certainty),
  ...{ mostly: size, shares: [1] },
  sizes: Object.entries(sizes).map(([of, other]) => decided(other, Number(of), certainty)),
});

const tableOf = (sites, about) => ({
  recorded: { recorders: 1, seconds: 60 },
  ...{ files: [], sites: [], named: sites },
  ...about,
});

/** The file, in a folder, of a table of these sites. */
function writeTable(dir, sites, about) {
  const file = path.join(dir, 'ralloc.table.json');
  fs.writeFileSync(file, textOf(tableOf(sites, about)));
  return file;
}

/** A table of "shop" in a folder of "blog". */
function foreignTable(dir) {
  fs.writeFileSync(path.join(dir, 'package.json'), '{"name":"blog"}');
  return writeTable(dir, [], { application: 'shop' });
}

const tableFile = (t, sites, about) => writeTable(folder(t), sites, about);

/** ralloc with sites of its own, and the table of these loaded. */
function withTable(t, sites, options) {
  const ralloc = fresh('index.js');
  ralloc.loadTable(tableFile(t, sites), options);
  return ralloc;
}

/** Calls fn(arena) in a request; gives the exchange, and what it returned. */
function inRequest({ requestArena }, fn, options) {
  const arenas = requestArena({ context: true, ...options });
  const exchange = new Exchange();
  let result;
  arenas(exchange.req, exchange.res, (error) => {
    if (error !== undefined) throw error;
    result = fn(exchange.req.arena);
  });
  return { arenas, exchange, result };
}

module.exports = { KiB, foreignTable, inRequest, named, tableFile, withTable };
