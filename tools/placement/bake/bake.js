'use strict';

// Makes a table from a profile, a site for each place whose source is still the one that was
// recorded, and explains why each got its memory.

const path = require('node:path');
const { applicationOf, nameOnDisk } = require('../../../lib/site/table-file.js');
const { formatBytes } = require('../../../lib/base/bytes.js');
const { itemOf } = require('../../../lib/base/item-of.js');
const { decide, pins } = require('../rules.js');
const { CERTAINTIES } = require('../../../lib/site/decisions.js');
const { sizeClassEnd } = require('../../recorder/buckets.js');
const { lookInto } = require('../source/look.js');
const { MARK } = require('../../recorder/compiled.js');
const { evidenceOf } = require('./evidence.js');
const { SourceFile } = require('../source/source-file.js');

const byName = (a, b) => (a < b ? -1 : Number(a > b));
const byFile = ({ file: a }, { file: b }) => byName(a, b);

const share = (part, all) => (all === 0 ? 0 : Math.min(1, Math.round((part / all) * 1000) / 1000));

/**
 * The shares of a place's bytes that were young, middle-aged and old when they died or the
 * recording ended.
 */
function sharesOf({ young, long, ended, alive }) {
  const all = ended + alive;
  return [young, all - young - long, long].map((bytes) => share(bytes, all));
}

/** What a table has about a place or a site('name'), or a size class of it. */
const decidedOf = ({ bytes, samples, outlivedSamples: exceptions }, decision, sizeClass) => ({
  ...decision,
  ...{ size: sizeClassEnd(sizeClass), bytes, samples, exceptions },
});

const sizesOf = (evidence) => ({
  mostly: sizeClassEnd(evidence.mainClass),
  shares: sharesOf(evidence),
});

/** Why the text of a file may not be the one that ran; undefined if it is. */
function whyOther(file, source, { started, isUnchanged }) {
  if (file.endsWith(MARK))
    return `${file}: what ran is not the text of the file: its sites are left out`;
  if (source === undefined)
    return `${file} is not on this machine, or is no code: its sites are left out`;
  if (source.changed > started && !isUnchanged)
    return `${file} was changed after the recording began: its sites are left out. Record again, or say --unchanged if only its time was changed`;
  return undefined;
}

/** The site of a place, in a file of this name; undefined if no such call stands there. */
function siteOf(evidence, text, name) {
  const { line, column, source, listened } = evidence;
  const call = text.callAt(line, column, source);
  if (call === undefined) return undefined;
  const fingerprint = text.fingerprintOf(line, column);
  return {
    ...{ file: name, line, column, offset: call.offset },
    ...{ function: evidence.function, source, callee: call.callee },
    ...decidedOf(evidence, evidence.decision, evidence.sizeClass),
    ...sizesOf(evidence),
    // The share of its bytes that was allocated in listeners where current() is undefined.
    ...(listened === 0 ? undefined : { listened: share(listened, evidence.bytes) }),
    ...(fingerprint === undefined ? undefined : { fingerprint }),
  };
}

/** Strictest first: sites that are left alone, then sites that are not proved. */
const rankOf = ({ strategy, certainty }) =>
  strategy === 'leave' ? 0 : 1 + CERTAINTIES.indexOf(certainty);

/** Whether a site is no call of a method of Buffer, but for example `inflateSync(…)`. */
const isOther = ({ callee }) => !callee.includes('.');

/**
 * Keeps one site per place. A function of Node may allocate by several methods of Buffer: then the
 * site of the function that the source calls is kept, or else the strictest.
 */
function onePerPlace(sites) {
  const places = new Map();
  const best = (a, b) =>
    isOther(a) - isOther(b) || rankOf(a) - rankOf(b) || byName(a.source, b.source);
  for (const site of sites.toSorted(best)) {
    const place = `${site.line}:${site.column} ${site.file}`;
    if (!places.has(place)) places.set(place, site);
  }
  return [...places.values()];
}

/** A site('name'), and its size classes that belong elsewhere. */
function namedOf({ name, each, largestClass, decision, ...evidence }) {
  const sizes = each
    .map(([sizeClass, one]) => ({ sizeClass, one, other: decide(one) }))
    .filter(({ other }) => other.reason !== 'few-samples' && other.strategy !== decision.strategy)
    .sort((a, b) => a.sizeClass - b.sizeClass)
    .map(({ sizeClass, one, other }) => decidedOf(one, other, sizeClass));
  return { name, ...decidedOf(evidence, decision, largestClass), ...sizesOf(evidence), sizes };
}

function recordedOf({ recorders, collectionMs }, started) {
  const until = Math.max(...recorders.map((one) => one.until));
  return {
    started: Math.floor(started),
    recorders: recorders.length,
    seconds: Math.max(0, Math.round((until - started) / 1000)),
    ...(collectionMs && { collectionMs: Math.round(collectionMs * 10) / 10 }),
  };
}

const decided = (evidence) =>
  evidence
    .map((one) => ({ ...one, decision: decide(one) }))
    .filter(({ decision }) => decision.reason !== 'few-samples');

/**
 * Returns `{ table, warnings, few }` for a profile. Files are named relative to `folder`; `few`:
 * how many places have too few samples. `isUnchanged`: whatever the times of files. `acorn`: the
 * parser, without which no site may be changed at load.
 */
function bake(profile, { folder, isUnchanged = false, acorn }) {
  const { places, named: names } = evidenceOf(profile);
  const [known, named] = [decided(places), decided(names).map(namedOf)];
  const started = Math.min(...profile.recorders.map(({ start }) => start));
  const warnings = [];
  const isPinning = (one) => ['slab', 'region'].includes(one.decision.strategy) && pins(one);
  for (const { file, line, column } of known.filter(isPinning))
    warnings.push(
      `${file}:${line}:${column} keeps few of its Buffers, and these pin much more: the site is left out, since copies help. See ralloc report`,
    );
  const sources = new Map(); // file → { name, source }, or undefined
  const hashes = new Map(); // name → sha256, of the files of sites
  const read = (file) => {
    const source = SourceFile.read(file);
    const why = whyOther(file, source, { started, isUnchanged });
    if (why === undefined) return { name: nameOnDisk(folder, file), source };
    warnings.push(why);
    return undefined;
  };
  const found = known
    .filter((one) => !isPinning(one))
    .flatMap((one) => {
      const { file, line, column, source: method } = one;
      const { name, source } = itemOf(sources, file, read) ?? {};
      const site = source && siteOf(one, source, name);
      if (site) hashes.set(name, source.sha256);
      else if (source)
        warnings.push(
          `${file}:${line}:${column}: no call of ${method} stands there, by its own name: the site is left out`,
        );
      return site ?? [];
    });
  const looks = new Map(); // name → look(), which tells whether a call may be changed at load
  const look = (name) => lookInto(acorn, path.resolve(folder, name), hashes.get(name));
  const sites = onePerPlace(found).map((site) =>
    acorn === undefined || site.strategy !== 'request'
      ? site
      : { ...site, edit: itemOf(looks, site.file, look)(site) },
  );
  const application = applicationOf(folder);
  const table = {
    ...(application === undefined ? undefined : { application }),
    recorded: recordedOf(profile, started),
    files: Array.from(hashes, ([file, sha256]) => ({ file, sha256 })).sort(byFile),
    sites: sites.sort((a, b) => byFile(a, b) || a.line - b.line || a.column - b.column),
    ...(named.length === 0 ? undefined : { named: named.sort((a, b) => byName(a.name, b.name)) }),
  };
  return { table, warnings, few: places.length - known.length + names.length - named.length };
}

const whole = (number) => number.toLocaleString('en-US');

/** Rule of docs/guide/placement.md → why it chose as it did. */
const WHY = {
  'few-samples': ({ samples }) => `only ${whole(samples)} samples, and 30 say something`,
  moves: () => 'more than 0.1 % of its bytes went to another thread or ArrayBuffer',
  'with-request': ({ samples, exceptions }) =>
    exceptions === 0
      ? `of ${whole(samples)} samples none outlived its request`
      : `of ${whole(samples)} samples ${whole(exceptions)} outlived their request, less than 0.1 % of the bytes`,
  repeats: () =>
    'a request has several times its largest Buffer of it, all of which an arena would keep to its end',
  'never-ends': () =>
    'less than 10 % of its bytes had ended with the recording: they grow, or live longer',
  long: () => 'half of its bytes or more lived 8 s or longer',
  'medium-alike': () => 'its bytes lived shorter than 8 s, and have one or two sizes',
  'medium-mixed': () => 'its bytes lived shorter than 8 s, and have many sizes',
};

/**
 * Lines of text about a site of a table: what it got and why, and the same of each of its sizes
 * that belong elsewhere.
 */
function explain(site) {
  const { name, file, line, column, function: caller, callee, sizes = [] } = site;
  const place =
    name === undefined ? `${file}:${line}:${column} ${caller}: ${callee}` : `site('${name}')`;
  const told = (where, one) => {
    const proof = one.strategy === 'leave' ? '' : `, ${one.certainty}`;
    return `${where}: ${one.strategy}${proof}: ${WHY[one.reason](one)}`;
  };
  const ofSize = ({ size }) => `${place}, ${formatBytes(size / 2)} to ${formatBytes(size)}`;
  return [told(place, site), ...sizes.map((one) => told(ofSize(one), one))];
}

module.exports = { bake, explain };
