'use strict';

// The events that a cell of a profile counts (docs/reference/profile-format.md), whose numbers
// never change their meaning; and the sources of named sites.

const events = Object.freeze({
  BORN: 0,
  DIED: 1, // as reported soon after
  DIED_OLD: 2, // as reported only by a major collection
  TRANSFERRED: 3, // alive, and no longer this recorder's
  WITH_REQUEST: 4, // dead at the first sufficient collection after the response of its request
  OUTLIVED: 5, // alive at that collection
  PEAK: 6, // by how much the site's largest estimate of live bytes rose
  PINNED: 7, // bytes that slices keep alive beyond their own
  ALIVE: 8, // when the recorder ended
  VARIANCE: 9, // of the bytes of BORN, in KiB²: a sample of n bytes that stands for w allocations adds (1 - 1/w) · (w · n)²
  BEFORE: 10, // what the request had allocated at this site before, times the bytes of the sample, in KiB²
  LISTENED: 11, // allocated for a request, in a listener where its context is lost
  APPENDED: 12, // of the bytes of BORN: made by Buffer.concat() from a larger half that the same line had made
});

/**
 * The source of allocations by a site('name'): they all count for that name, wherever it is called.
 */
const sourceOfSite = (name) => `site(${name})`;

/** The name in the source of a site('name'); undefined for any other source. */
const nameOfSource = (source) => /^site\((.*)\)$/su.exec(source)?.[1];

/**
 * The source of a site that makes parts of Buffers, and allocates nothing: its PINNED is a part of
 * that of the sites that made the Buffers.
 */
const PART = 'subarray';

/** The place of a site in one text: the route of a site of PART. */
const placeOfSite = ({ source, route = '', frames: [made] }) =>
  made === undefined ? `${source} ${route}` : `${made.file}:${made.line}:${made.column}`;

module.exports = { PART, placeOfSite, events, nameOfSource, sourceOfSite };
