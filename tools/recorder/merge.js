'use strict';

// Merges many files. Merging is associative, so that threads can take a share each.

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { once } = require('node:events');
const { Worker } = require('node:worker_threads');
const { RallocError } = require('../../lib/base/errors.js');
const { Profile } = require('./profile.js');

const WORKER = path.join(__dirname, 'merge-worker.js');

/** A thread takes 40 ms to start, in which one reads so much. */
const LEAST_SHARE = 1 << 25; // bytes
const MOST_THREADS = 8;

/**
 * The sum of `files`; for each the bytes that are skipped, how many blocks make no sense, and the ids of its recorders: `{ profile, told: [{ file, skipped,
 * nonsense, recorders }] }`. Throws what Profile.read() does, of the first file that it meets.
 */
function mergeHere(files) {
  return Profile.summed((profile) => {
    const told = files.map((file) => ({ file, ...profile.addFile(file) }));
    return { profile, told };
  });
}

/** The size of a file; reading it says why it has none. */
const sizeOf = (file) => fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;

/** The files in shares of about the same number of bytes, at least `leastShare`, one for each thread. */
function sharesOf(files, threads, leastShare) {
  const sized = files.map((file) => ({ file, size: sizeOf(file) }));
  const bytes = sized.reduce((sum, { size }) => sum + size, 0);
  const most = Math.min(threads, MOST_THREADS, files.length);
  const wanted = Math.max(1, Math.min(most, Math.floor(bytes / leastShare)));
  const shares = Array.from({ length: wanted }, () => ({ files: [], size: 0 }));
  for (const { file, size } of sized.sort((a, b) => b.size - a.size)) {
    const least = shares.reduce((a, b) => (b.size < a.size ? b : a));
    least.files.push(file);
    least.size += size;
  }
  return shares.map((share) => share.files);
}

/** Has a thread merge a share. */
async function mergeThere(files) {
  const worker = new Worker(WORKER, { workerData: files });
  const [{ failure, bytes, told }] = await once(worker, 'message');
  if (failure === undefined) return { bytes, told };
  const { code, message, ...details } = failure;
  throw code === undefined ? new Error(message) : new RallocError(code, message, details);
}

/** The files whose recorders another one has too. */
function repeatedOf(told) {
  const owners = new Map();
  const repeated = new Set();
  for (const { file, recorders } of told) {
    for (const id of recorders) {
      if (owners.has(id)) repeated.add(file);
      else owners.set(id, file);
    }
  }
  return [...repeated];
}

/**
 * Resolves with the sum `profile` of `files`, with `skipped` and `nonsense`, Maps of a file → its bytes that were left out, and how many blocks of
 * these make no sense, and with `repeated`, the files with a recorder that one before has too. Rejects with what Profile.read() throws.
 */
async function mergeFiles(
  files,
  { threads = os.availableParallelism(), leastShare = LEAST_SHARE } = {},
) {
  const [own, ...others] = sharesOf(files, threads, leastShare);
  const running = others.map(mergeThere);
  const all = Promise.all(running);
  all.catch(() => {}); // until it is awaited, after the own share
  const { profile, told } = mergeHere(own);
  for (const part of await all) {
    profile.addBytes(part.bytes);
    told.push(...part.told);
  }
  const places = new Map(files.map((file, place) => [file, place]));
  told.sort((a, b) => places.get(a.file) - places.get(b.file));
  const mapOf = (name) => new Map(told.map((one) => [one.file, one[name]]));
  const [skipped, nonsense] = [mapOf('skipped'), mapOf('nonsense')];
  return { profile, skipped, nonsense, repeated: repeatedOf(told) };
}

module.exports = { mergeFiles, mergeHere };
