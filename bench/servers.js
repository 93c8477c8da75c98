'use strict';

// Compares servers: each is in a process of its own, and so is their client, which has another core where there are several. They take
// turns. So a figure is of one server alone: its CPU with V8's threads, its peak of resident memory, its major collections.

const path = require('node:path');
const { blocks, quick, SAMPLE_MS, takeSlices } = require('./harness.js');
const { Child } = require('./method/child.js');
const { placement } = require('./method/cpus.js');
const { perPass, takeTurns } = require('./method/schedule.js');
const { mean, median, quantile } = require('./method/statistics.js');

const WARM_UP_MS = 1000; // V8 goes on compiling for some 10,000 requests of 8 KiB
const SLICES = 32; // of each rival, over all blocks
const CHECKED = 200; // requests whose answers are compared
const SHARE = 0.6; // the fixed rate, of what the first reaches in the closed loop
const PACES = 8; // slices of each rival at the fixed rate, over all blocks
const NS = 1e3; // in a microsecond
const MB = 1e6;

const fixture = (name) => path.join(__dirname, 'fixtures', name);

/** One rival: its process, and what it used while it was measured. */
class Rival {
  #server;
  #client;
  #request;
  #sliceMs;
  #requests = 64; // of a slice
  #served = 0;
  #majors = 0;
  #rss = 0;
  walls = [];
  latencies = []; // ms

  constructor(server, client, request, sliceMs) {
    this.#sliceMs = sliceMs;
    this.#server = server;
    this.#client = client;
    this.#request = request;
  }

  async #load(requests) {
    const begun = performance.now();
    await this.#client.call('load', { ...this.#request, requests });
    return performance.now() - begun;
  }

  digest() {
    return this.#client.call('digest', { ...this.#request, requests: quick ? 20 : CHECKED });
  }

  /** Has it compiled, and settles how many requests a slice has. */
  async warmUp(warmUpMs) {
    if (quick) return;
    for (let spent = 0; spent < warmUpMs; ) {
      const ms = await this.#load(this.#requests);
      this.#requests = Math.max(64, Math.round((this.#requests * this.#sliceMs) / ms));
      spent += ms;
    }
  }

  /** Serves a slice; nanoseconds of CPU for a request. */
  async slice() {
    const requests = this.#requests;
    await this.#load(Math.ceil(requests / 4)); // what the last slice left is collected, untimed
    await this.#server.call('lap');
    const ms = await this.#load(requests);
    const { cpuUs, majorGcs, rss } = await this.#server.call('lap');
    this.walls.push((ms * 1e6) / requests);
    this.#served += requests;
    this.#majors += majorGcs;
    this.#rss = rss;
    return (cpuUs * NS) / requests;
  }

  /** Serves so many requests at a fixed rate a second. */
  async pace(requests, rate) {
    this.latencies.push(...(await this.#client.call('pace', { ...this.#request, requests, rate })));
    const { rss } = await this.#server.call('lap');
    this.#rss = rss;
  }

  get rss() {
    return this.#rss / MB;
  }

  get majorsIn10000() {
    return (this.#majors * 10_000) / this.#served;
  }
}

/**
 * Compares the servers `kinds[kind]` of a bench, which creates each of them: the first is the baseline.
 * @param {{ file: string, kind: string, names: string[], request?: object, behind?: string, processes?: object }} what `request`: see
 *   fixtures/client.js; `behind`: a program of fixtures/ that is the server behind proxies; `processes`: name → { execArgv, env, dataBytes } of its process
 *   (see Child); `sliceMs`: of a slice, for servers that are to settle first; `isSame`: their answers have to be; `paceMs`: of a slice at a
 *   fixed rate, for requests/s and P99
 */
async function compareServers({
  file,
  kind,
  names,
  request = {},
  behind,
  processes = {},
  sliceMs = 4 * SAMPLE_MS,
  warmUpMs = WARM_UP_MS,
  isSame = false,
  paceMs = 0,
}) {
  const processors = placement();
  const children = [];
  const start = (name, args, where, options) => {
    const child = new Child(fixture(name), args, options);
    child.pin(processors?.[where]);
    children.push(child);
    return child;
  };
  try {
    const client = start('client.js', [], 'client');
    const origin = behind && (await start(behind, [], 'client').call('listen'));
    const rivals = {};
    const digests = new Set();
    for (const name of names) {
      const server = start('serve.js', [file, kind, name], 'servers', processes[name]);
      const port = await server.call('listen', { behind: origin });
      rivals[name] = new Rival(server, client, { ...request, port }, sliceMs);
      if (isSame) digests.add(await rivals[name].digest());
      if (digests.size > 1) throw new Error(`${name} answers other bytes than ${names[0]}`);
      await rivals[name].warmUp(warmUpMs);
    }
    const samplers = Object.fromEntries(names.map((name) => [name, () => rivals[name].slice()]));
    const slices = await takeSlices(samplers, SLICES);
    if (paceMs === 0) return rowsOf(rivals, slices);
    await takePaces(Object.values(rivals), paceMs);
    return [...rowsOf(rivals, slices), ...pacedRowsOf(rivals)];
  } finally {
    await Promise.all(children.map((child) => child.stop()));
  }
}

/** CPU of each; then the peak of RSS of each, compared with the first's; then major collections. */
function rowsOf(rivals, slices) {
  const all = Object.entries(rivals);
  const rss = all.length;
  return [
    ...all.map(([name, { walls }]) => ({ name, unit: 'ns', samples: slices[name], walls })),
    ...all.map(([name, rival]) => ({
      name: `peak RSS, ${name}`,
      unit: 'MB',
      samples: [rival.rss],
      base: rss,
    })),
    ...all.map(([name, { majorsIn10000 }]) => ({
      name: `major GCs in 10,000, ${name}`,
      unit: 'GCs',
      samples: [majorsIn10000],
      derived: true,
    })),
  ];
}

/** All of them at one rate, at which the first has something to spare. */
async function takePaces(rivals, paceMs) {
  const rate = (SHARE * 1e9) / median(rivals[0].walls);
  const requests = quick ? 64 : Math.ceil((rate * paceMs) / 1000);
  const passes = Math.ceil(PACES / 2 / blocks);
  await takeTurns(rivals.length, quick ? 1 : passes, (n) => rivals[n].pace(requests, rate));
}

/** Requests a second in the closed loop, and the 99th percentile at the fixed rate, each compared with the first's. */
function pacedRowsOf(rivals) {
  const all = Object.entries(rivals);
  const above = 3 * all.length; // rows of rowsOf()
  return [
    ...all.map(([name, { walls }]) => ({
      name: `requests/s, ${name}`,
      unit: '/s',
      samples: perPass(walls, (pair) => 1e9 / mean(pair)),
      base: above,
    })),
    ...all.map(([name, { latencies }]) => ({
      name: `P99, ${name}`,
      unit: 'ms',
      samples: [quantile(latencies, 0.99)],
      base: above + all.length,
    })),
  ];
}

module.exports = { compareServers };
