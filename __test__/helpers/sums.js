'use strict';

// Profiles made of blocks and bytes, a recorder in the test's own process, and the cells of both as objects.

const { events } = require('../../tools/recorder/events.js');
const { encode, sumTexts } = require('../../tools/recorder/lines.js');
const { Profile } = require('../../tools/recorder/profile.js');
const { Recorder } = require('../../tools/recorder/recorder.js');

/** Cells `{ site, sizeClass, event, bucket, samples, count, bytes }` as a block has them: site → rows. */
function rowsOf(cells) {
  const rows = {};
  for (const { site, sizeClass, event, bucket, samples, count, bytes } of cells) {
    rows[site] ??= [];
    rows[site].push([sizeClass, event, bucket, samples, count, bytes]);
  }
  return rows;
}

/** The cells of such rows. `sumOf` makes their sums, as numbers or BigInts. */
const cellsOf = (rows, sumOf = Number) =>
  Object.entries(rows).flatMap(([site, all]) =>
    all.map(([sizeClass, event, bucket, ...sums]) => {
      const [samples, count, bytes] = sums.map((sum) => sumOf(sum));
      return { site, sizeClass, event, bucket, samples, count, bytes };
    }),
  );

/** All cells of a Profile, by site. */
const allCells = (profile, sumOf) =>
  profile.sites.flatMap(({ id }) => cellsOf({ [id]: profile.rowsOf(id) }, sumOf));

class ProfileOfTest extends Profile {
  /** The profile of bytes of a file. */
  static from(bytes) {
    const profile = new ProfileOfTest();
    profile.addBytes(bytes);
    return profile;
  }

  add(block) {
    this.addBytes(encode(block));
    return this;
  }

  get cells() {
    return allCells(this);
  }

  toBuffer() {
    return Buffer.from([...sumTexts(this)].join(''));
  }
}

/** A recorder that runs until the test is over. Each allocation is a sample, if `rate` does not say otherwise. */
function record(t, options) {
  const recorder = new Recorder({ rate: 1, seed: 5, ...options });
  recorder.start();
  t.teardown(() => recorder.stop());
  return recorder;
}

class Tally {
  sites;
  #cells;

  constructor(...blocks) {
    this.sites = blocks.flatMap(({ sites }) => sites);
    this.#cells = blocks.flatMap(({ cells }) => cellsOf(cells));
  }

  /** The sites whose innermost frame is in a file. */
  at(file) {
    return this.sites.filter(({ frames }) => frames[0]?.file === file);
  }

  /** The cells of a site and an event. */
  cells(site, event) {
    return this.#cells.filter((cell) => cell.site === site && cell.event === event);
  }

  /** Their sum. */
  of(site, event) {
    const sum = { samples: 0, count: 0, bytes: 0 };
    for (const cell of this.cells(site, event)) for (const key in sum) sum[key] += cell[key];
    return sum;
  }

  /** Estimate of the bytes of a site that live. */
  live(site) {
    const gone = [events.DIED, events.DIED_OLD, events.TRANSFERRED];
    return gone.reduce(
      (sum, event) => sum - this.of(site, event).bytes,
      this.of(site, events.BORN).bytes,
    );
  }
}

module.exports = { Profile: ProfileOfTest, Tally, allCells, cellsOf, record, rowsOf };
