'use strict';

// Blocks of recordings that did not take place: what an application allocates each second, told as a recorder would.

const { createHash } = require('node:crypto');
const { bucketOf, sizeClassOf } = require('../../tools/recorder/buckets.js');
const { events } = require('../../tools/recorder/events.js');
const { encode } = require('../../tools/recorder/lines.js');
const { Collection } = require('../../tools/report/collection.js');
const { modelOf } = require('../../tools/report/model.js');
const { rowsOf } = require('./sums.js');

const SLOT = 2000;
const START = Date.UTC(2026, 0, 31, 12);

const idOf = (name) => createHash('sha256').update(name).digest('hex').slice(0, 16);

/** The definition of a site: `frames` are `function file:line:column`, innermost first. */
function site(source, frames, route) {
  const parsed = frames.map((text) => {
    const [, name, file, line, column] = /^(\S*) (.+):(\d+):(\d+)$/.exec(text);
    return { function: name, file, line: Number(line), column: Number(column) };
  });
  return { id: idOf(`${source} ${route} ${frames}`), source, route, frames: parsed };
}

/**
 * A recording of `seconds`. Each behaviour: { site, size, perSecond, rate, lives }, with `lives` a
 * list of [share, ms], whose rest lives on, and `age` a function of the slot → what is allocated in
 * it, 1 if not given; `isListened`: in listeners, where no request is known.
 */
function recording({
  seconds = 20,
  rate = 32768,
  pid = 4242,
  name = 'app',
  start = START,
  process,
  behaviours,
}) {
  const recorder = {
    id: idOf(`${name} ${pid}`),
    pid,
    thread: 0,
    node: 'v24.21.0',
    platform: 'linux-x64',
    title: `node ${name}.js`,
    start,
    budget: 0.03,
  };
  const live = new Map();
  const peaks = new Map();
  const blocks = [];
  const slots = seconds / (SLOT / 1000);
  for (let index = 0; index < slots; index++) {
    const cells = [];
    for (const one of behaviours) cells.push(...cellsOf(one, { index, slots, rate, live, peaks }));
    const all = [...live.values()].reduce((sum, bytes) => sum + bytes, 0);
    blocks.push({
      recorder,
      slot: start + index * SLOT,
      until: start + (index + 1) * SLOT,
      rate,
      process: { ...memoryOf(all), ...process?.(index, all) },
      sites: index === 0 ? behaviours.map((one) => one.site) : [],
      cells: rowsOf(cells),
    });
  }
  return blocks;
}

const memoryOf = (live) => ({
  rss: 62_000_000 + Math.round(live * 1.1),
  arrayBuffers: Math.round(live * 1.04) + 250_000,
  external: Math.round(live * 1.04) + 2_000_000,
  heapUsed: 9_000_000,
  live: Math.round(live),
});

function cellsOf(behaviour, { index, slots, rate, live, peaks }) {
  const { site, size, perSecond, lives = [], share = () => 1, route } = behaviour;
  const born = Math.round(perSecond * (SLOT / 1000) * share(index));
  const weight = size / (1 - Math.exp(-size / rate));
  const cells = [];
  const cell = (event, bytes, bucket = 0) => {
    if (bytes < 1) return;
    const samples = Math.max(1, Math.round(bytes / weight));
    const count = Math.round((bytes / size) * 1024);
    cells.push({
      site: site.id,
      sizeClass: sizeClassOf(size),
      event,
      bucket,
      samples,
      count,
      bytes: Math.round(bytes),
    });
  };
  cell(events.BORN, born);
  if (behaviour.isListened) cell(events.LISTENED, born);
  let change = born;
  for (const [part, ms] of lives) {
    // What lives for some slots dies in a later one.
    const late = Math.floor(ms / SLOT);
    if (index < late) continue;
    const then = perSecond * (SLOT / 1000) * share(index - late) * part;
    cell(ms < 800 ? events.DIED : events.DIED_OLD, then, bucketOf(ms));
    change -= Math.round(then);
    if (route !== undefined) cell(ms < 400 ? events.WITH_REQUEST : events.OUTLIVED, then);
  }
  const now = (live.get(site.id) ?? 0) + change;
  live.set(site.id, now);
  const peak = now + born * 0.02;
  if (peak > (peaks.get(site.id) ?? 0)) {
    cell(events.PEAK, peak - (peaks.get(site.id) ?? 0));
    peaks.set(site.id, peak);
  }
  if (route !== undefined) cell(events.OUTLIVED, change);
  if (behaviour.pins !== undefined) cell(events.PINNED, behaviour.pins / slots);
  if (index === slots - 1) cell(events.ALIVE, now, bucketOf((slots * SLOT) / 2));
  return cells;
}

/** What a report says of these blocks, and of `more` bytes behind them. */
function reportOf(blocks, ...more) {
  const collection = new Collection();
  for (const block of blocks) collection.addBytes(encode(block));
  for (const bytes of more) collection.addBytes(bytes);
  return modelOf(collection);
}

module.exports = { START, recording, reportOf, site };
