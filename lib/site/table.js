'use strict';

// The sites of a thread, and the table that says which memory each gets.

const path = require('node:path');
const { fileURLToPath } = require('node:url');
const { variable } = require('../base/environment.js');
const { typeError } = require('../base/errors.js');
const check = require('../base/validate.js');
const { readOwnTable } = require('./table-file.js');
const { DEFAULTS, checkLimits, memoryStats, setMemory } = require('./memory.js');
const { NOWHERE, REGION, SLAB, routesOf } = require('./routes.js');
const { Site, checkName, route } = require('./site.js');

/** The least with which a slab with slots of 1 MiB, or a region, is of use. */
const LEAST_BYTES = 4 * 1024 * 1024;

const bytes = (value, name) => check.integer(value, name, LEAST_BYTES, Number.MAX_SAFE_INTEGER);

const readers = {
  suggested: check.boolean,
  maxSlabBytes: bytes,
  maxRegionBytes: bytes,
  guard: check.boolean,
};

const sites = new Map(); // by name
let baked = new Map(); // name -> { baked, routes }
let loaded = null; // the file
let isAsked = false; // whether RALLOC_TABLE was read

function fileOf(place) {
  if (place instanceof URL) return fileURLToPath(place);
  if (typeof place !== 'string' || place === '') {
    throw typeError('file', 'a path, or an instance of URL', place);
  }
  return place;
}

function apply(site) {
  const known = baked.get(site.name);
  route(site, known?.site ?? null, known?.routes ?? NOWHERE);
}

const isFreed = (to) => to === SLAB || to === REGION;

/** Reads a table, for all sites of this thread. If it throws, nothing of the table is used. */
function loadTable(place, options) {
  const file = fileOf(place);
  const { suggested = false, ...memory } = check.options(options, readers);
  const table = readOwnTable(file);
  const wanted = { ...DEFAULTS, ...memory };
  checkLimits(wanted);
  const next = new Map(
    (table.named ?? []).map((site) => [site.name, { site, routes: routesOf(site, suggested) }]),
  );
  const isRouted = [...next.values()].some(({ routes }) => routes.some(isFreed));
  setMemory(wanted, isRouted);
  isAsked = true;
  loaded = path.resolve(file);
  baked = next;
  for (const site of sites.values()) apply(site);
}

/** Returns the site of a name, always the same one for the same name. */
function site(name) {
  const known = sites.get(name);
  if (known !== undefined) return known;
  checkName(name);
  if (!isAsked) {
    const file = variable('RALLOC_TABLE') ?? '';
    if (file !== '') loadTable(file);
    isAsked = true;
  }
  const made = new Site(name);
  apply(made);
  sites.set(name, made);
  return made;
}

/** Figures of all sites, and of the table's sites that this thread does not have. */
site.stats = () => ({
  table: loaded,
  sites: Array.from(sites.values(), (one) => one.stats()),
  unused: [...baked.keys()].filter((name) => !sites.has(name)),
  ...memoryStats(),
});

module.exports = { loadTable, site };
