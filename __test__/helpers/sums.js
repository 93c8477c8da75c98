'use strict';

// Profiles made of blocks and bytes, and the cells of blocks and profiles as objects.

const { encode, sumTexts } = require('../../tools/recorder/lines.js');
const { Profile } = require('../../tools/recorder/profile.js');

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

/** The bytes of its file. */
const bytesOf = (profile) => Buffer.from([...sumTexts(profile)].join(''));

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
    return bytesOf(this);
  }
}

module.exports = { Profile: ProfileOfTest, allCells, bytesOf, cellsOf, rowsOf };
