'use strict';

// A cluster that serves the files of a folder (examples/cluster-cache.js), and those who ask it.

const test = require('ava');
const { createCipheriv, createHash } = require('node:crypto');
const { once } = require('node:events');
const fs = require('node:fs');
const http = require('node:http');
const os = require('node:os');
const path = require('node:path');
const zlib = require('node:zlib');
const { Slab } = require('../..');
const { ClusterCache } = require('../../examples/cluster/primary.js');
const { allCanBeHad } = require('./slab.js');
const { inheritTest } = require('./slab-process.js');
const { until } = require('./until.js');

const KiB = 1024;
const MiB = 1024 * KiB;
const HOUR_MS = 3_600_000;

/** The workers of one cluster at a time: node:cluster has its settings once in a process. */
const clusterTest = (title, body) => inheritTest(title, body, test.serial);

/** Bytes that compress, or do not: others for each seed. */
function content(size, seed) {
  const half = createHash('sha256').update(`${seed}`).digest();
  const cipher = createCipheriv('aes-128-ctr', half.subarray(0, 16), half.subarray(16));
  const bytes = cipher.update(Buffer.alloc(size));
  return seed % 2 === 0 ? bytes : bytes.map((byte) => byte % 7);
}

/** A folder of files: { name: bytes }. */
function makeFolder(t, files = {}) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true }));
  for (const [name, bytes] of Object.entries(files)) fs.writeFileSync(path.join(dir, name), bytes);
  return dir;
}

/** No lease ends, and no worker is killed for want of an answer, for being slow: a test that wants that says when. */
async function serve(
  t,
  files,
  { workers = 3, sizes = [16 * KiB, 256 * KiB], count = 64, ...rest } = {},
) {
  const dir = makeFolder(t, files);
  const slab = Slab.create(null, { sizes, count, transitMs: 200, maxBytes: 256 * MiB });
  const times = { leaseMs: HOUR_MS, purgeMs: HOUR_MS };
  const cache = new ClusterCache({ dir, workers, slab, ...times, ...rest });
  t.teardown(async () => {
    for (const pid of cache.pids) process.kill(pid, 'SIGKILL'); // where a test failed
    await cache.close();
    slab.close({ force: true });
  });
  const { port } = await cache.listen();
  return { dir, slab, cache, port };
}

/** The end of a cluster: every slot can be had again, once. */
async function end(t, { cache, slab }) {
  await cache.close();
  t.like(cache.stats, { entries: 0, leased: 0, makers: [] });
  t.like(slab.stats(), { held: 0, stolen: 0, participants: 1 });
  // What a killed worker had sent comes back where slots run out, once `transitMs` is over.
  await until(() => {
    for (const size of slab.sizes) freeAll(slab, takeAll(slab, size));
    return slab.stats().sent === 0;
  });
  allCanBeHad(t, slab);
}

function takeAll(slab, size) {
  const all = [];
  for (let one = slab.tryAlloc(size); one !== null; one = slab.tryAlloc(size)) all.push(one);
  return all;
}

function freeAll(slab, buffers) {
  for (const buffer of buffers) slab.free(buffer);
}

/** Asks for a file: { status, from, pid, body }, where the body is decompressed. */
async function get(port, name, { method = 'GET', agent = false, encoding = 'gzip' } = {}) {
  const headers = { 'accept-encoding': encoding };
  const req = http.request({ port, host: '127.0.0.1', path: `/${name}`, method, headers, agent });
  req.end();
  const [res] = await once(req, 'response');
  const body = Buffer.concat(await res.toArray());
  return {
    status: res.statusCode,
    from: res.headers['x-cache'],
    pid: Number(res.headers['x-served-by']),
    body: res.headers['content-encoding'] === 'gzip' ? zlib.gunzipSync(body) : body,
  };
}

const purge = async (port, name) => (await get(port, name, { method: 'PURGE' })).status;

/** Asks until each worker has answered: the answers. */
async function fromAll({ cache, port }, name) {
  const answers = [];
  while (!cache.pids.every((pid) => answers.some((one) => one.pid === pid))) {
    // Several at once: the kernel may give one after the other to the same worker.
    answers.push(...(await Promise.all([1, 2, 3, 4, 5, 6].map(() => get(port, name)))));
  }
  return answers;
}

module.exports = { clusterTest, content, end, fromAll, get, makeFolder, purge, serve };
