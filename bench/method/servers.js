'use strict';

// Servers under load. A block is a fresh process for each contender, loaded by turns in short
// slices: first in a closed loop, then at one fixed rate for all. The others are idle meanwhile.
//
// A plan, in seconds and requests: { blocks, warm, empty, passes, slice, gap, fixedPasses,
// fixedSlice, polls, rest }. `warm`: requests to each contender that come first, all at once;
// `empty`: then so many that no slice has. A pass has two slices a contender. `gap`: after each
// slice, lets collections on other threads end before the next one's. `rest`: at the end, until
// what is resident is read; none by default. `polls`: the client of closed loops does not sleep
// (see load.js).

const { setTimeout: sleep } = require('node:timers/promises');
const { takeTurns } = require('./schedule.js');
const { median } = require('../../tools/compare/statistics.js');
const { Child } = require('./child.js');

const SHARE = 0.6; // the fixed rate, of what the base reaches in the closed loop
const START = 0.15; // seconds to start a server and end it, about
const PATIENCE = 240_000;
const ALONE = 2; // seconds that settle the rate of --long

/**
 * About how many seconds both kinds of warm-up take for each contender: on two processors all of
 * them reach such rates together.
 */
const warmUpOf = ({ warm, empty }) => warm / 8000 + empty / 60_000;

/** About how many seconds a plan takes with so many contenders. */
function duration(plan, contenders) {
  const { blocks, passes, slice, gap, fixedPasses, fixedSlice, rest = 0 } = plan;
  const slices = 1 + 2 * passes + 2 * fixedPasses;
  const each = warmUpOf(plan) + 2 * passes * slice + 2 * fixedPasses * fixedSlice + slices * gap;
  return blocks * (rest + contenders * (START + each));
}

/** The answers of a server are so wrong that to go on is of no use. */
class Wrong extends Error {
  constructor(server, name, { errors, firstFault }) {
    super(`${server} ${name}: ${firstFault} (${errors} errors)`);
  }
}

/** A contender's process. */
class Server {
  #setting;
  #contender;
  #child;
  #connected = false;

  constructor(contender, setting) {
    this.#contender = contender;
    this.#setting = setting;
    const { node, server, env, program, dataBytes } = setting;
    this.#child = new Child(program, [server, contender.allocator], {
      execPath: node,
      execArgv: [...contender.execArgv, '--disable-warning=RALLOC_JS_BACKEND'],
      env: { ...env, ...contender.env },
      dataBytes,
    });
  }

  async start(index) {
    const { copies, upstream, port, load } = this.#setting;
    const { burn } = this.#contender;
    const wanted = port === 0 ? 0 : port + index;
    const listening = await this.#child.call('listen', { copies, upstream, burn, port: wanted });
    await load.call('connect', { name: this.#contender.name, port: listening });
    this.#connected = true;
  }

  /**
   * What the client saw of a load of about `seconds`, and what it cost the server: with what it
   * does right after.
   */
  async slice(method, args, seconds) {
    const { load, mix, plan, server, onSlice } = this.#setting;
    const { name } = this.#contender;
    await this.#child.call('lap');
    const patience = PATIENCE + 5000 * seconds;
    const seen = await load.call(method, { name, mix, ...args }, patience);
    await sleep(plan.gap * 1000);
    const lap = await this.#child.call('lap');
    onSlice?.(`${mix} ${name}`, seconds + plan.gap);
    if (seen.hopeless) throw new Wrong(server, name, seen);
    return { served: seen.requests, ...seen, ...lap };
  }

  /** Has it answer so many empty requests, of no mix. */
  warm(requests) {
    const { load } = this.#setting;
    return load.call('warm', { name: this.#contender.name, requests }, PATIENCE);
  }

  pin() {
    this.#child.pin(this.#setting.processors?.servers);
  }

  /** Asks for what only some programs answer. */
  call(method) {
    return this.#child.call(method);
  }

  async stop() {
    const { load } = this.#setting;
    const { name } = this.#contender;
    if (this.#connected) await load.call('disconnect', { name }).catch(() => {});
    await this.#child.stop();
  }
}

/** Starts a server for each contender, and ends them after `work(servers)`. */
async function withServers(setting, work) {
  const servers = setting.contenders.map((contender) => new Server(contender, setting));
  try {
    // All of them, and the first one's error: which of two is told does not depend on who was
    // faster.
    const started = await Promise.allSettled(servers.map((server, index) => server.start(index)));
    const failed = started.find(({ status }) => status === 'rejected');
    if (failed !== undefined) throw failed.reason;
    return await work(servers);
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

const rateOf = (slices) => SHARE * median(slices.map(({ rps }) => rps));

/**
 * As many requests for each, all at once and on whatever processors there are, of which nothing
 * counts: while code is compiled and the heap takes its shape slices are unlike the later ones. The
 * mix comes first, so that what the empty requests have compiled is compiled for it too.
 */
async function warmUp(servers, { plan }) {
  const slices = await Promise.all(
    servers.map(async (server) => {
      const slice = await server.slice('closedLoop', { requests: plan.warm }, warmUpOf(plan));
      if (plan.empty > 0) await server.warm(plan.empty);
      return slice;
    }),
  );
  for (const server of servers) server.pin();
  return slices;
}

/**
 * Each contender's slices in the block `n`: `[{ warm, closed, fixed }]`. The first contender is the
 * base.
 */
function block(setting, n) {
  const { plan } = setting;
  return withServers(setting, async (servers) => {
    const warm = await warmUp(servers, setting);
    const count = servers.length;
    const isPolling = plan.polls === true && setting.processors !== null;
    const full = (index) =>
      servers[index].slice('closedLoop', { seconds: plan.slice, isPolling }, plan.slice);
    const closed = await takeTurns(count, plan.passes, full, n);
    const rate = rateOf(closed[0]);
    const paced = (index) =>
      servers[index].slice('fixedRate', { rate, seconds: plan.fixedSlice }, plan.fixedSlice);
    const fixed = await takeTurns(count, plan.fixedPasses, paced, n);
    if (plan.rest > 0) await sleep(1000 * plan.rest);
    const rest = plan.rest > 0 ? await Promise.all(servers.map((one) => one.call('sample'))) : [];
    return servers.map((_, index) => ({
      warm: [warm[index]],
      closed: closed[index],
      fixed: fixed[index],
      rest: rest[index],
    }));
  });
}

/**
 * All blocks of a mix on a kind of server: for each contender its blocks. `setting`: { mix, server,
 * contenders, node, env, processors, copies, upstream, port, load, plan, onSlice, program,
 * dataBytes }; `program`: of the servers' processes, which get `server` and the contender's
 * `allocator` as arguments, and answer calls as demo/server.js does; `dataBytes`: see Child
 */
async function measure(setting) {
  const blocks = [];
  for (let n = 0; n < setting.plan.blocks; n++) blocks.push(await block(setting, n));
  return setting.contenders.map((_, index) => blocks.map((one) => one[index]));
}

/**
 * Each server alone under load at the fixed rate for `seconds`, and what was resident at each
 * second: `[{ latencies, resident, … }]`.
 */
function steadyLoad(setting, seconds) {
  return withServers(setting, async (servers) => {
    await warmUp(servers, setting);
    const alone = await servers[0].slice('closedLoop', { seconds: ALONE }, ALONE);
    const rate = rateOf([alone]);
    const taken = [];
    for (const server of servers) taken.push(await steadySlice(server, rate, seconds));
    return taken;
  });
}

async function steadySlice(server, rate, seconds) {
  const resident = [];
  const sample = async () => resident.push(await server.call('sample'));
  const timer = setInterval(() => sample().catch(() => {}), 1000);
  try {
    const slice = await server.slice('fixedRate', { rate, seconds }, seconds);
    await sample();
    return { ...slice, rate, resident };
  } finally {
    clearInterval(timer);
  }
}

module.exports = {
  START,
  Wrong,
  duration,
  measure,
  steadyLoad,
  warmUp,
  warmUpOf,
  withServers,
};
