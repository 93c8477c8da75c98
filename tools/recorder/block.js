'use strict';

// A block of a profile as lines of JSON: see lines.js. Apart from that, because a recorder does not
// read profiles.

const FORMAT = 1;

/** The originals: an application may replace them later. */
const { stringify } = JSON;
const bytesOf = TextEncoder.prototype.encode.bind(new TextEncoder());

/** A frame as one string: half as long as an object, and readable in a database. */
const frameText = ({ function: name, file, line, column }) => `${file}:${line}:${column} ${name}`;

const lineText = (type, fields) => `\n${stringify({ type, ...fields })}`;

const siteText = ({ id, source, route = null, frames }) =>
  lineText('site', { site: id, source, route, frames: frames.map(frameText) });

/**
 * The bytes of a block, for one write: the sites that are new, and a line with everything that
 * happened.
 */
function encode({ recorder, number, collections, requests, process, sites, cells, ...times }) {
  const numbered =
    number === undefined ? undefined : { blocks: 1, last: number, collections, requests };
  const fields = { format: FORMAT, ...recorder, ...times, ...numbered, process, cells };
  return bytesOf(sites.map(siteText).join('') + lineText('block', fields));
}

/** The bytes of the line that tells by what the memory of a process has grown. */
const encodeMemory = (growth) => bytesOf(lineText('memory', growth));

module.exports = { FORMAT, encode, encodeMemory, lineText, siteText };
