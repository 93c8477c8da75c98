'use strict';

// Makes a table from a profile: a site for each place whose source is still the one that was recorded.

const fs = require('node:fs');
const { isDeepStrictEqual } = require('node:util');
const { applicationOf } = require('../../../lib/site/application.js');
const { itemOf } = require('../../../lib/base/item-of.js');
const { decide } = require('../rules.js');
const { CERTAINTIES } = require('../../../lib/site/decisions.js');
const { nameOnDisk, readOwnTable } = require('../../../lib/site/table-file.js');
const { sizeClassEnd } = require('../../recorder/buckets.js');
const { lookInto } = require('../../../lib/auto/source/look.js');
const { MARK } = require('../../recorder/compiled.js');
const { evidenceOf } = require('./evidence.js');
const { SourceFile } = require('../../../lib/auto/source/source-file.js');

const byName = (a, b) => (a < b ? -1 : Number(a > b));

const share = (part, all) => (all === 0 ? 0 : Math.min(1, Math.round((part / all) * 1000) / 1000));

/** The shares of a place's bytes that were young, middle-aged and old when they died or the recording ended. */
function sharesOf({ young, long, ended, alive }) {
  const all = ended + alive;
  return [young, all - young - long, long].map((bytes) => share(bytes, all));
}

/** What a table has about a place or a site('name'), or a size class of it. */
function decidedOf(evidence, decision, sizeClass) {
  const { bytes, samples, outlivedSamples: exceptions } = evidence;
  return { ...decision, size: sizeClassEnd(sizeClass), bytes, samples, exceptions };
}

const sizesOf = (evidence) => ({
  mostly: sizeClassEnd(evidence.mainClass),
  shares: sharesOf(evidence),
});

/** Reads the files of places, each once, and collects what is wrong with them. */
class SourceFiles {
  #files = new Map();
  #started;
  #isUnchanged;
  #baked;
  #nameOf;
  warnings = [];
  /** Name in the table → `{ file, sha256 }` of a file whose text is the one that ran. */
  read = new Map();
  /** Names of files that were changed since, but are in the table `baked` of an earlier run. */
  kept = new Set();

  constructor({ started, isUnchanged, baked, nameOf }) {
    this.#started = started;
    this.#isUnchanged = isUnchanged;
    this.#baked = new Set(baked.files.map(({ file }) => file));
    this.#nameOf = nameOf;
  }

  /** Returns undefined for a file whose text may not be the one that ran; warns about it once, unless it is in `kept`. */
  of(file) {
    return itemOf(this.#files, file, () => this.#read(file));
  }

  #read(file) {
    if (file.endsWith(MARK)) {
      return this.warn(`${file}: what ran is not the text of the file: its sites are left out`);
    }
    const source = SourceFile.read(file);
    if (source === undefined) {
      return this.warn(`${file} is not on this machine, or is no code: its sites are left out`);
    }
    if (source.changed > this.#started && !this.#isUnchanged) {
      if (this.#baked.has(this.#nameOf(file))) {
        this.kept.add(this.#nameOf(file));
        return undefined;
      }
      return this.warn(
        `${file} was changed after the recording began: its sites are left out. Record again, or say --unchanged if only its time was changed`,
      );
    }
    this.read.set(this.#nameOf(file), { file, sha256: source.sha256 });
    return source;
  }

  warn(warning) {
    this.warnings.push(warning);
    return undefined;
  }
}

/** `nameOf(file)`: the name in the table. */
function siteOf({ evidence, decision }, files, nameOf) {
  const { file, line, column, source, listened } = evidence;
  const text = files.of(file);
  if (text === undefined) return undefined;
  const call = text.callAt(line, column, source);
  if (call === undefined) {
    return files.warn(
      `${file}:${line}:${column}: no call of ${source} stands there, by its own name: the site is left out`,
    );
  }
  const fingerprint = text.fingerprintOf(line, column);
  return {
    file: nameOf(file),
    line,
    column,
    ...{ offset: call.offset, function: evidence.function, source, callee: call.callee },
    ...decidedOf(evidence, decision, evidence.sizeClass),
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

/** Keeps one site per place. A function of Node may allocate by several methods of Buffer: then the site of the function that the source calls is kept, or else the strictest. */
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

/** A site('name') with enough samples, and its size classes that belong elsewhere; undefined for others. */
function namedOf(evidence) {
  const decision = decide(evidence);
  if (decision.reason === 'few-samples') return undefined;
  const { name, each, largestClass } = evidence;
  const sizes = [...each]
    .map(([sizeClass, one]) => ({ sizeClass, one, other: decide(one) }))
    .filter(({ other }) => other.reason !== 'few-samples' && other.strategy !== decision.strategy)
    .sort((a, b) => a.sizeClass - b.sizeClass)
    .map(({ sizeClass, one, other }) => decidedOf(one, other, sizeClass));
  return {
    name,
    ...decidedOf(evidence, decision, largestClass),
    ...sizesOf(evidence),
    sizes,
  };
}

function recordedOf({ recorders, collectionMs }, started) {
  const until = Math.max(...recorders.map((one) => one.until));
  const told = collectionMs === undefined ? undefined : Math.round(collectionMs * 10) / 10;
  return {
    started: Math.floor(started),
    recorders: recorders.length,
    seconds: Math.max(0, Math.round((until - started) / 1000)),
    ...(told === undefined ? undefined : { collectionMs: told }),
  };
}

/**
 * The files and sites of the table in `file`, if it is from the same recording. They are needed for files that were changed since, for example by adding the requestArena() that
 * `ralloc apply` asks for: the table has the places in the text that ran, and `apply` and a trial find these again by their text.
 */
function bakedBefore(file, recorded) {
  try {
    const isRead = file !== undefined && fs.statSync(file).isFile(); // a device may have no end
    const table = isRead ? readOwnTable(file) : undefined;
    if (isDeepStrictEqual(table?.recorded, recorded)) return table;
  } catch {
    // There is no table, or it is another application's.
  }
  return { files: [], sites: [] };
}

/** Returns the sites, and adds to those of requests whether their calls may be changed at load. `read`: see SourceFiles. */
function looked(sites, read, acorn) {
  if (acorn === undefined) return sites;
  const looks = new Map();
  return sites.map((site) => {
    if (site.strategy !== 'request') return site;
    const look = itemOf(looks, site.file, (name) => {
      const { file, sha256 } = read.get(name);
      return lookInto(acorn, file, sha256);
    });
    return { ...site, edit: look(site) };
  });
}

/**
 * Returns `{ table, warnings, few }` for a profile. Files are named relative to `folder`; `few`: how many places have too few samples. `isUnchanged`: files count as
 * unchanged, whatever their times. `acorn`: the parser, without which no site may be changed at load. `before`: the file of a table that may be from the same recording.
 */
function bake(profile, { folder, isUnchanged = false, acorn, before }) {
  const { places, named: evidenceOfNames } = evidenceOf(profile);
  const started = Math.min(...profile.recorders.map(({ start }) => start));
  const recorded = recordedOf(profile, started);
  const baked = bakedBefore(before, recorded);
  const names = new Map();
  const nameOf = (file) => itemOf(names, file, () => nameOnDisk(folder, file));
  const files = new SourceFiles({ started, isUnchanged, baked, nameOf });
  const [known, few] = [[], []];
  for (const evidence of places) {
    const decision = decide(evidence);
    (decision.reason === 'few-samples' ? few : known).push({ evidence, decision });
  }
  const all = known.map((one) => siteOf(one, files, nameOf)).filter((site) => site !== undefined);
  const named = evidenceOfNames
    .map(namedOf)
    .filter((one) => one !== undefined)
    .sort((a, b) => byName(a.name, b.name));
  const fewNames = evidenceOfNames.length - named.length;
  const application = applicationOf(folder);
  const isKept = ({ file }) => files.kept.has(file);
  const read = Array.from(new Set(all.map(({ file }) => file)), (file) => ({
    file,
    sha256: files.read.get(file).sha256,
  }));
  const sites = [...looked(onePerPlace(all), files.read, acorn), ...baked.sites.filter(isKept)];
  const table = {
    ...(application === undefined ? undefined : { application }),
    recorded,
    files: [...read, ...baked.files.filter(isKept)].sort((a, b) => byName(a.file, b.file)),
    sites: sites.sort((a, b) => byName(a.file, b.file) || a.line - b.line || a.column - b.column),
    ...(named.length === 0 ? undefined : { named }),
  };
  return { table, warnings: files.warnings, few: few.length + fewNames };
}

module.exports = { bake };
