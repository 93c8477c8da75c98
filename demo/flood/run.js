'use strict';

// npm run demo -- --flood: what a flood does to a server that may use 1 GB, without a guard, with the semaphore that people write today, with admission(), and unchanged with a memory limit.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const path = require('node:path');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { limitOf } = require('./limit.js');
const load = require('./load.js');

const PLAN = {
  dataBytes: 2 ** 30,
  heapMB: 256,
  seconds: 60,
  bytes: 5_000_000, // of a file
  clients: 240,
  streams: 20, // of these, over HTTP/2
  fits: 40, // clients that have room at the same time
  silent: 60,
  stopped: 40,
  fickle: 40,
  bombs: 20,
  bombBytes: 20_000_000,
};

/** The same in a control group, as a container has one. */
const GROUP_PLAN = { ...PLAN, groupBytes: 2 ** 29, fits: 10 };

const KINDS = ['plain', 'semaphore', 'admission', 'limit'];
const PRELOAD = path.join(__dirname, '..', '..', 'lib', 'auto', 'preload.js');
const WAIT_MS = 20_000;
const SAMPLE_MS = 100;
const ROUNDS = 3; // of honest clients alone: one takes some seconds, and varies by a tenth

/** A server under a limit of memory of its own. */
class Server {
  end = null; // how it ended, in words
  rss = []; // bytes, ten times a second
  printed = '';
  #process;
  #timer;

  /** `keyHeader`: of requests, that says whose they are. */
  constructor(kind, plan, keyHeader = '') {
    const limit = limitOf(plan);
    const line = `ulimit -c 0; ${limit.line} && exec "$@"`;
    const args = [process.execPath, `--max-old-space-size=${plan.heapMB}`];
    if (kind === 'limit') args.push('--require', PRELOAD);
    args.push(path.join(__dirname, 'server.js'), kind, `${WAIT_MS}`, keyHeader);
    this.#process = spawn('sh', ['-c', line, 'sh', ...args], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: {
        ...process.env,
        NODE_ENV: 'production',
        RALLOC_MEMORY_LIMIT: kind === 'limit' ? 'container' : '',
      },
    });
    this.#process.stderr.setEncoding('utf8').on('data', (text) => {
      this.printed = (this.printed + text).slice(-4000);
    });
    this.ended = once(this.#process, 'exit').then(([code, signal]) => {
      this.end ??= signal ?? `exit code ${code}`;
      clearInterval(this.#timer);
      limit.end();
    });
  }

  async start() {
    const [ports] = (await Promise.race([once(this.#process, 'message'), this.ended])) ?? [];
    if (ports === undefined) throw new Error(`the server ended: ${this.end}\n${this.printed}`);
    Object.assign(this, ports);
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS);
  }

  #sample() {
    try {
      const text = fs.readFileSync(`/proc/${this.#process.pid}/status`, 'utf8');
      this.rss.push(1024 * Number(/^VmRSS:\s+(\d+)/m.exec(text)[1]));
    } catch {} // it has ended
  }

  /** What it says of itself; undefined where it has ended. */
  figures() {
    const options = { host: '127.0.0.1', port: this.port, path: '/figures', agent: false };
    return new Promise((resolve) => {
      const req = http.get(options, async (res) => {
        resolve(JSON.parse(Buffer.concat(await res.toArray()).toString()));
      });
      req.once('error', () => resolve(undefined));
    });
  }

  /** The same once nothing is charged any more, or ten seconds later. */
  async settled() {
    let figures;
    for (let i = 0; i < 100 && this.end === null; i++) {
      figures = await this.figures();
      if (figures?.used === 0) break;
      await sleep(SAMPLE_MS);
    }
    return figures;
  }

  async stop() {
    this.end ??= 'lives';
    this.#process.kill('SIGKILL');
    await this.ended;
  }
}

const newTally = () => ({ times: [], wrong: 0, cut: 0, answers: {} });

/** Uploads by HTTP/1, and by HTTP/2 for the first so many. */
function attemptsOf({ port, streams }, plan) {
  const session = http2.connect(`http://127.0.0.1:${streams}`);
  session.on('error', () => {});
  const attempt = (file, i) =>
    i < plan.streams
      ? () => load.uploadStream(session, file)
      : () => load.upload(port, file, { hasLength: i % 2 === 0 });
  return { attempt, end: () => session.destroy() };
}

/** Those who do what a server must survive. end() ends them. */
function hostile({ port }, plan, until) {
  const { bytes, silent, stopped, fickle, bombs, bombBytes } = plan;
  const sockets = [];
  for (let i = 0; i < silent; i++) sockets.push(load.silent(port, bytes));
  for (let i = 0; i < stopped; i++) sockets.push(load.stopped(port));
  const busy = [];
  for (let i = 0; i < fickle; i++) busy.push(load.fickle(port, bytes, until));
  const bomb = load.bombOf(bombBytes);
  for (let i = 0; i < bombs; i++) busy.push(load.bomb(port, bomb, until));
  return async () => {
    await Promise.all(busy);
    for (const socket of sockets) socket.destroy();
  };
}

/** All of the load at once, on a server of `kind`. */
async function flood(kind, plan) {
  const server = new Server(kind, plan);
  await server.start();
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  let isOver = false;
  const until = { isOn: () => !isOver && server.end === null && seconds() < plan.seconds };

  const health = new Worker(path.join(__dirname, 'health.js'), {
    workerData: { port: server.health },
  });
  const end = hostile(server, plan, until);
  const attempts = attemptsOf(server, plan);
  const file = new load.File(plan.bytes);
  const tally = newTally();
  const honest = [];
  for (let i = 0; i < plan.clients; i++) {
    const own = file.of(i);
    honest.push(load.insist(attempts.attempt(own, i), own, tally, until));
  }
  await Promise.race([Promise.all(honest), server.ended]);
  const took = seconds();
  isOver = true;
  health.postMessage('end');
  const [checks] = await once(health, 'message');
  await end();
  attempts.end();
  await Promise.all(honest);
  const figures = await server.settled();
  await server.stop();
  return { kind, end: server.end, took, tally, checks, rss: server.rss, figures };
}

/** Uploads a second, with so many honest clients and nobody else. */
async function rate(clients, plan) {
  const server = new Server('admission', plan);
  await server.start();
  const attempts = attemptsOf(server, { ...plan, streams: 0 });
  const file = new load.File(plan.bytes);
  const tally = newTally();
  const until = { isOn: () => server.end === null };
  let next = 0;
  const client = async () => {
    while (next < plan.clients) {
      const i = next++;
      const own = file.of(i);
      await load.insist(attempts.attempt(own, i), own, tally, until);
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  const seconds = (performance.now() - started) / 1000;
  attempts.end();
  await server.stop();
  return tally.times.length / seconds;
}

async function measure(plan = PLAN, kinds = KINDS, say = () => {}) {
  const floods = [];
  for (const kind of kinds) {
    say(`${kind} …`);
    floods.push(await flood(kind, plan));
  }
  say('with admission, honest clients alone …');
  const rates = { fits: 0, all: 0 };
  for (let i = 0; i < ROUNDS; i++) {
    rates.fits += (await rate(plan.fits, plan)) / ROUNDS;
    rates.all += (await rate(plan.clients, plan)) / ROUNDS;
  }
  return { plan, floods, rates };
}

module.exports = { GROUP_PLAN, PLAN, Server, measure, newTally };
