'use strict';

// Tells whether an existing file may be replaced: only if it is empty, or begins like the file to be written. Otherwise a forgotten name after -o would let the
// next argument, one of the user's files, be overwritten.

// The originals: an application's tests may replace them later.
const { closeSync, openSync, readSync, statSync } = require('node:fs');
const { RallocError } = require('../../lib/base/errors.js');

const LONGEST = 256; // bytes to read, enough for each beginning below

/** What each kind begins with, as latin1. */
const KINDS = {
  profile: (head) => /^\n\{"type":"(site|block|recorder)"/.test(head),
  'heap snapshot': (head) => head.startsWith('{"snapshot":'),
  page: (head) =>
    head.startsWith('<!doctype html>\n') && head.includes('="Content-Security-Policy"'),
  'report as JSON': (head) => /^\{ {0,2}\n? {0,2}"(node|before)": /.test(head),
  'export for pprof': (head) => head.startsWith('\x1f\x8b'), // of gzip
  diff: (head) => head.startsWith('--- '),
  table: (head) => /^\{\s*"format": "ralloc table"/.test(head),
};

function headOf(file) {
  const descriptor = openSync(file, 'r');
  try {
    const head = Buffer.alloc(LONGEST);
    return head.latin1Slice(0, readSync(descriptor, head, 0, LONGEST, 0));
  } finally {
    closeSync(descriptor);
  }
}

const occupiedError = (file, kind) =>
  new RallocError(
    'ERR_RALLOC_PROFILE_FOREIGN',
    `The file ${file} exists and is no ${kind}, so it is left as it is. Name another file, or remove it first`,
    { file },
  );

/** Throws ERR_RALLOC_PROFILE_FOREIGN if `file` has content of another `kind`. */
function checkOwn(file, kind) {
  const stats = statSync(file, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile() || stats.size === 0) return;
  if (!KINDS[kind](headOf(file))) throw occupiedError(file, kind);
}

module.exports = { checkOwn };
