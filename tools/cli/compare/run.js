'use strict';

// One run: a fresh server, a load until it ends, ten seconds of rest, and the end of all their
// processes.

const fs = require('node:fs');
const http = require('node:http');
const https = require('node:https');
const net = require('node:net');
const os = require('node:os');
const path = require('node:path');
const { createHash } = require('node:crypto');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { attempt } = require('../../../lib/base/attempt.js');
const { costOf, doneIn, restOf } = require('../../compare/cost.js');
const { nodeOptions } = require('../../recorder/options.js');
const { commandOf, withFolder } = require('../application.js');
const { Group } = require('./group.js');

const MEASURE = require.resolve('../../compare/measure.js');
const POLL_MS = 50;
/** How long to wait for one more row: rows are written ten times a second. */
const LAST_ROW_MS = 250;
const START_MS = 60_000;
const ANSWER_MS = 10_000;
/** A load may take as long as all of it is to take, and so long at least. */
const LEAST_LOAD_MINUTES = 5;
const REST_MS = 10_000;
/** How long to look, before each load, whether other programs use the processors. */
const LOOK_MS = 500;

/**
 * A run that says nothing; `isResult`: since the server could not stand the load, and not since the
 * command was called wrongly.
 */
class RunError extends Error {
  code = 'ERR_COMPARE_RUN';

  constructor(message, { isResult = false, tail = '' } = {}) {
    super(tail === '' ? message : `${message}\n${tail.replace(/^/gm, '  | ')}`);
    this.isResult = isResult;
  }
}

/**
 * What the processes have written: `{ processes: Map(pid → rows), facts }`. The last line of a file
 * may be incomplete.
 */
function read(folder) {
  const processes = new Map();
  const facts = [];
  for (const pid of fs.readdirSync(folder)) {
    const lines = fs.readFileSync(path.join(folder, pid), 'utf8').split('\n').slice(0, -1);
    const all = lines.map((line) => JSON.parse(line));
    const rows = all.filter(({ at }) => at !== undefined);
    facts.push(...all.filter(({ at }) => at === undefined));
    if (rows.length > 0) processes.set(Number(pid), rows);
  }
  return { processes, facts };
}

const howEnded = ({ code, signal }) => (signal === null ? `exit code ${code}` : signal);

const hostOf = ({ address, family }) =>
  address === '::' || address === '0.0.0.0'
    ? '127.0.0.1'
    : family === 'IPv6'
      ? `[${address}]`
      : address;

/**
 * `{ port, url, kind, others }` of the first port that a server listens on, and the other ports.
 */
function addressOf(facts) {
  const all = facts.flatMap(({ listens }) => listens ?? []);
  const [first] = all.filter(({ address }) => address?.port > 0);
  if (first === undefined) return undefined;
  const { address, kind, isSecure } = first;
  const ports = new Set(all.flatMap((one) => one.address?.port ?? []));
  ports.delete(address.port);
  const url = `http${isSecure ? 's' : ''}://${hostOf(address)}:${address.port}`;
  return { host: hostOf(address), port: address.port, url, kind, isSecure, others: [...ports] };
}

/** Asks a server by GET: resolves with its answer's status and the hash of its body. */
async function ask(url, headers = {}) {
  const { get } = url.startsWith('https') ? https : http;
  const signal = AbortSignal.timeout(ANSWER_MS);
  const sent = { 'user-agent': 'ralloc compare', ...headers };
  const request = get(url, { headers: sent, agent: false, rejectUnauthorized: false, signal });
  const [response] = await once(request, 'response');
  const hash = createHash('sha256');
  for await (const chunk of response) hash.update(chunk);
  return { status: response.statusCode, hash: hash.digest('base64') };
}

async function connect({ host, port }) {
  const socket = net.connect(port, host.replace(/^\[|\]$/g, ''));
  await once(socket, 'connect');
  socket.destroy();
}

/** Resolves when a server answers: HTTP with any status, others by a connection. */
async function answers(address) {
  if (address.kind === 'http') await ask(address.url).catch(() => connect(address));
  else await connect(address);
}

/** The processors' idle and whole time, in ms. */
function processors() {
  const times = os.cpus().map(({ times }) => times);
  const whole = times.reduce(
    (sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq,
    0,
  );
  return { idle: times.reduce((sum, { idle }) => sum + idle, 0), whole, count: times.length };
}

/** The part of two processors, or of the one there is, that is idle for so long. */
async function idleFor(ms, signal) {
  const before = processors();
  await sleep(ms, undefined, { signal });
  const { idle, whole, count } = processors();
  if (whole === before.whole) return 1; // the system does not tell
  const free = (count * (idle - before.idle)) / (whole - before.whole);
  return Math.min(1, free / Math.min(count, 2));
}

/**
 * Status and hash of the answers to what the load has asked by GET, each twice: `[{ url, status,
 * hash }]`; those that differ by themselves have no hash.
 */
async function answersOf(url, asked) {
  const all = [];
  const end = performance.now() + ANSWER_MS; // for all of them, about
  for (const { url: target, headers } of asked) {
    if (performance.now() > end) break;
    const [one, other] = [
      await ask(url + target, headers).catch(() => ({})),
      await ask(url + target, headers).catch(() => ({})),
    ];
    all.push({ url: target, status: one.status, hash: one.hash === other.hash ? one.hash : null });
  }
  return all;
}

class Run {
  #variant;
  #options;
  #folder;
  #server;
  #early; // rejects if the server ends

  constructor(variant, options, folder) {
    this.#variant = variant;
    this.#options = options;
    this.#folder = folder;
  }

  #read() {
    return read(this.#folder);
  }

  #start() {
    const { command } = this.#options;
    const { env, preload } = this.#variant;
    const all = { ...env, RALLOC_COMPARE_ROWS: this.#folder };
    all.NODE_OPTIONS = nodeOptions(env.NODE_OPTIONS, MEASURE);
    const { program, args, env: whole } = commandOf(command, all, { preload });
    this.#server = new Group([program, ...args], { env: whole });
    this.#early = this.#server.ended.then(async (how) => {
      await sleep(POLL_MS); // for its last lines
      const message = `the server ended with ${howEnded(how)} ${this.#isLoaded ? 'under the load' : 'before it listened: is its port free?'}`;
      throw new RunError(message, { isResult: this.#isLoaded, tail: this.#server.tail });
    });
    this.#early.catch(() => {});
  }

  #isLoaded = false; // whether the load has begun

  async #listening() {
    const { signal } = this.#options;
    for (const end = performance.now() + START_MS; performance.now() < end; ) {
      const { facts } = this.#read();
      const address = addressOf(facts);
      if (address !== undefined) {
        await Promise.race([
          answers(address).catch(() => {}),
          sleep(ANSWER_MS, undefined, { ref: false, signal }),
        ]);
        return address;
      }
      if (facts.some(({ listens }) => typeof listens?.address === 'string'))
        throw new RunError('the server listens at a socket of the file system, and not at a port');
      await sleep(POLL_MS, undefined, { signal });
    }
    const tail = this.#server.tail;
    const why =
      'its main thread, or a process that it forks, has to listen, in Node.js with NODE_OPTIONS, and may write to the temporary folder';
    throw new RunError(`the server does not listen at a port within ${START_MS / 1000} s: ${why}`, {
      tail,
    });
  }

  /** Runs the load; resolves with `[from, to]`. */
  async #load({ port, url }) {
    const line = this.#options.load.replaceAll('{port}', `${port}`).replaceAll('{url}', url);
    const load = new Group(line, { env: process.env, isShell: true });
    try {
      const from = Date.now();
      const { minutes, signal } = this.#options;
      const most = Math.max(minutes, LEAST_LOAD_MINUTES);
      const late = sleep(most * 60_000, undefined, { ref: false, signal }).then(() => {
        throw new RunError(`the load does not end within ${most} minutes: ${line}`);
      });
      late.catch(() => {});
      const how = await Promise.race([load.ended, this.#early, late, this.#options.aborted]);
      // A load that fails may do so because the server has ended.
      await Promise.race([sleep(LAST_ROW_MS), this.#early]);
      if (how.code !== 0)
        throw new RunError(`the load ended with ${howEnded(how)}: ${line}`, { tail: load.tail });
      return { line, from, to: Date.now() };
    } finally {
      await load.stop();
    }
  }

  #checkProcesses(before) {
    const gone = [...before.keys()].filter((pid) => !attempt(() => process.kill(pid, 0), false));
    if (gone.length > 0)
      throw new RunError(
        'a process of the server ended under the load, and the rest went on or began anew',
        {
          ...{ isResult: true, tail: this.#server.tail },
        },
      );
  }

  #cost({ line, from, to }, { url, kind }) {
    const { processes } = this.#read();
    const rows = [...processes.values()];
    const cost = costOf(rows, from, to);
    if (cost !== undefined) return cost;
    if (doneIn(rows, from, to) === 0)
      throw new RunError(
        `the server has seen no ${kind === 'tcp' ? 'connection' : 'request'} of the load: ${line}. Does it ask ${url}? Write {url} or {port} into it`,
      );
    throw new RunError(
      `the load was over after ${((to - from) / 1000).toFixed(1)} s, too soon to measure: ${line}. Let it take five seconds or more`,
    );
  }

  /** `{ cost, idle, answers, asked, node, others, port }` */
  async measure({ isResting, asked }) {
    this.#start();
    const { aborted, signal } = this.#options;
    const address = await Promise.race([this.#listening(), this.#early, aborted]);
    this.#isLoaded = true;
    const free = await idleFor(LOOK_MS, signal);
    const before = this.#read().processes;
    const took = await this.#load(address);
    this.#checkProcesses(before);
    const cost = this.#cost(took, address);
    const idle = isResting
      ? await Promise.race([idleFor(REST_MS, signal), this.#early, aborted])
      : 0;
    const { processes, facts } = this.#read();
    const found = facts.flatMap((one) => one.asked ?? []);
    const [{ node }] = facts.filter((one) => one.node !== undefined);
    const wanted = asked ?? found;
    return {
      cost: { ...cost, ...(isResting && { rest: restOf([...processes.values()]) }) },
      ...{
        idle: Math.max(free, idle),
        node,
        asked: wanted,
        port: address.port,
        others: address.others,
      },
      answers: address.kind === 'http' ? await answersOf(address.url, wanted) : [],
    };
  }

  stop() {
    return this.#server?.stop();
  }
}

/** Measures a variant once. Rejects with a RunError, or with the reason of the abort. */
const runOnce = (variant, options, how) =>
  withFolder('compare', async (folder) => {
    const run = new Run(variant, options, folder);
    try {
      return await run.measure(how);
    } finally {
      await run.stop();
    }
  });

module.exports = { REST_MS, RunError, runOnce };
