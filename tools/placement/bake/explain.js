'use strict';

// Explains why a site of a table got its memory, and finds where it is now.

const path = require('node:path');
const { formatBytes } = require('../../../lib/base/bytes.js');
const { SourceFile, follow } = require('../../../lib/auto/source/source-file.js');

const percent = (share) => `${Math.round(share * 1000) / 10} %`;
const whole = (number) => number.toLocaleString('en-US');

/** The text for each rule of docs/reference/table.md. */
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

/** What to do with a strategy. */
const WHAT = {
  leave: 'leave it as it is',
  request: 'allocate it from the arena of its request',
  slab: 'allocate it from a slab, and free it',
  region: 'allocate it from a region, and free it',
};

const lifetimesOf = ({ shares: [young, middle, long] }) =>
  `${percent(young)} lived shorter than 1 s, ${percent(middle)} 1 to 8 s, ${percent(long)} 8 s or longer`;

const certaintyOf = ({ strategy, certainty }) =>
  strategy === 'leave' ? strategy : `${strategy}, ${certainty}`;

const titleOf = ({ name, file, line, column, function: caller, callee }) =>
  name === undefined ? `${file}:${line}:${column} ${caller}: ${callee}` : `site('${name}')`;

/** The text for a size class of a site('name') that belongs elsewhere. */
const sizeLine = (one) =>
  `  ${formatBytes(one.size / 2)} to ${formatBytes(one.size)}: ${certaintyOf(one)}: ${WHY[one.reason](one)}`;

/** Lines of text about a site of a table. */
function explain(site) {
  const { strategy, reason, sizes = [] } = site;
  return [
    titleOf(site),
    `  strategy   ${certaintyOf(site)}: ${WHAT[strategy]}`,
    `  because    ${WHY[reason](site)}`,
    `  bytes      ${formatBytes(site.bytes)} by ${whole(site.samples)} samples, nearly all of at most ${formatBytes(site.size)} each`,
    `  lifetimes  ${lifetimesOf(site)}`,
    ...sizes.map(sizeLine),
  ].join('\n');
}

/**
 * The sites of a file at their current places: `{ sites, warnings }`. If the text has changed since the table was baked, it is searched for the fingerprint of each site. A
 * site that is found nowhere, or more than once, is left out with a warning.
 */
function locate(table, folder, file) {
  const text = SourceFile.read(path.resolve(folder, file));
  const { sha256 } = table.files.find((one) => one.file === file) ?? {};
  const sites = table.sites.filter((site) => site.file === file);
  if (text === undefined) return { sites: [], warnings: [`${file} is not there, or is no code`] };
  if (text.sha256 === sha256) return { sites, warnings: [] };
  const warnings = [`${file} was changed since the table was baked`];
  const found = sites.map((site) => {
    const moved = site.fingerprint && follow(site, text);
    if (!moved) {
      warnings.push(`${file}:${site.line}:${site.column} ${site.function} is not found any more`);
    }
    return moved;
  });
  return { sites: found.filter(Boolean), warnings };
}

module.exports = { explain, locate };
