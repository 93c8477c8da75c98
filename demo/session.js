'use strict';

// All that is measured in a run of the demo, one group (a mix on a kind of server) after another.

const path = require('node:path');
const { Child } = require('../bench/method/child.js');
const { START, duration, measure, steadyLoad, warmUpOf } = require('../bench/method/servers.js');
const { median, quantile } = require('../tools/compare/statistics.js');
const { OWN, planOf, STEADY } = require('./plan.js');
const { rowsOf } = require('./rows.js');

const LOAD = path.join(__dirname, 'load.js');
const SERVER = path.join(__dirname, 'server.js');
const STALE = path.join(__dirname, 'stale.js');

/** Everything that `options` asks for, on the Node that leads; `own` is the system's, for one line of its own. */
function groupsOf(options, own) {
  const groups = options.mixes.flatMap((mix) =>
    options.servers.map((server) => ({
      mix,
      server,
      plan: planOf(options, mix),
      steady: options.long ? STEADY : 0,
    })),
  );
  const usesOwn = own && !options.all && !options.long && !options.fallback;
  const last = { mix: 'frame', server: options.servers[0], plan: OWN, steady: 0, own: true };
  return usesOwn ? [...groups, last] : groups;
}

/** About how many seconds the groups take. */
const secondsOf = (groups, contenders) =>
  groups.reduce((total, { plan, steady, own }) => {
    const count = own ? 2 : contenders;
    return total + duration(plan, count) + (steady && count * (steady + START + warmUpOf(plan)));
  }, 0);

/** What a minute of load did: the tail, and what was resident over time, in bytes. */
function steadyOf({ latencies, resident, rate, errors }) {
  return {
    rate,
    errors,
    p99: quantile(latencies, 0.99),
    p999: quantile(latencies, 0.999),
    rssAtEnd: median(resident.slice(-5)),
    resident,
  };
}

class Session {
  #common;
  #lead;
  #own;
  #progress;

  /** `common`: { env, processors, copies, port } */
  constructor({ common, lead, own, progress }) {
    this.#common = common;
    this.#lead = lead;
    this.#own = own;
    this.#progress = progress;
  }

  /** Rows of each group: `[{ group, rows }]`; the row of a contender has `steady` in --long. */
  async run(groups, contenders) {
    const { processors, copies } = this.#common;
    const load = new Child(LOAD);
    load.pin(processors?.client);
    try {
      const upstream = await load.call('read', { copies });
      const client = { load, upstream };
      const results = [];
      for (const group of groups) results.push(await this.#group(group, contenders, client));
      return results;
    } finally {
      await load.stop();
    }
  }

  async #group(group, contenders, client) {
    const { mix, server, plan, steady } = group;
    const node = group.own ? this.#own : this.#lead;
    const field = group.own
      ? contenders.filter(({ name }) => /^(allocUnsafe|ralloc)$/.test(name))
      : contenders;
    const step = (what, seconds) => this.#progress.step(`${node.version} ${what}`, seconds);
    const setting = {
      ...this.#common,
      ...client,
      program: SERVER,
      mix,
      server,
      plan,
      node: node.path,
      contenders: field,
    };
    const onSlice = (what, seconds) => step(what, seconds + START / slicesIn(plan));
    const measured = await measure({ ...setting, onSlice });
    const rows = rowsOf(field, measured, { node: node.version, mix, server });
    if (steady) {
      const slices = await steadyLoad({ ...setting, onSlice: step }, steady);
      for (const [index, slice] of slices.entries()) rows[index].run.steady = steadyOf(slice);
    }
    return { group, rows };
  }
}

const slicesIn = ({ passes, fixedPasses }) => 1 + 2 * passes + 2 * fixedPasses;

/** What a Buffer shows that a handler of `server` kept past its response: in a pool by hand, and in ralloc. */
async function proveStale(node, env, server) {
  const child = new Child(STALE, [], { execPath: node, env });
  try {
    const pool = await child.call('showKept', { server, allocator: 'pool' });
    const ralloc = await child.call('showKept', { server, allocator: 'ralloc' });
    return { pool, ralloc, dead: ralloc.length === 0 && ralloc.shows === '' };
  } finally {
    await child.stop();
  }
}

module.exports = { Session, groupsOf, secondsOf, proveStale };
