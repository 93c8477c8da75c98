'use strict';

// One mix on one kind of server: a fresh process for each contender, alive through all rounds and
// idle while the others have their turn; rounds interleaved, each beginning with another one.

const path = require('node:path');
const { Child } = require('./child.js');
const { median, spread, sum } = require('./stats.js');

const SHARE = 0.6; // the fixed rate, of what allocUnsafe reaches in the closed loop
const SERVER = path.join(__dirname, 'server.js');

/** The answers of a server are so wrong that to go on is of no use. */
class Wrong extends Error {
  constructor(server, name, { errors, firstFault }) {
    super(`${server} ${name}: ${firstFault} (${errors} errors)`);
  }
}

/** Rows `{ run, rounds, … }`: `run` as in --json, `rounds` the values behind its medians. */
async function measure({ mix, server, contenders, node, copies, load, turns, rounds, step }) {
  const field = contenders.map((contender) => ({ ...contender, closed: [], fixed: [], costs: [] }));
  try {
    await Promise.all(field.map((one) => start(one, { server, node, copies, load })));
    const turn = async (one, method, args) => {
      await one.child.call('lap');
      const answer = await load.call(
        method,
        { name: one.name, mix, ...args },
        240_000 + 5000 * args.seconds,
      );
      step(`${server} ${mix} ${one.name}`);
      if (answer.hopeless) throw new Wrong(server, one.name, answer);
      return [answer, await one.child.call('lap')];
    };

    for (const one of field) {
      [one.warm] = await turn(one, 'closedLoop', { seconds: turns.warm });
    }
    for (const one of schedule(field, rounds)) {
      const [answer, lap] = await turn(one, 'closedLoop', { seconds: turns.closed });
      one.closed.push({ ...answer, fullCpuUs: lap.cpuUs / lap.requests });
    }
    const base = field.find(({ name }) => name === 'allocUnsafe');
    const rate = SHARE * median(base.closed.map(({ rps }) => rps));
    for (const one of schedule(field, rounds)) {
      const [answer, lap] = await turn(one, 'fixedRate', { seconds: turns.fixed, rate });
      one.fixed.push(answer);
      one.costs.push(lap);
    }
    return field.map((one) => row(one, mix, server));
  } finally {
    await Promise.all(field.map((one) => stop(one, load)));
  }
}

function schedule(field, rounds) {
  return Array.from({ length: rounds * field.length }, (_, n) => {
    const round = Math.floor(n / field.length);
    return field[(n + round) % field.length];
  });
}

async function start(one, { server, node, copies, load }) {
  const execArgv = [...one.execArgv, '--disable-warning=RALLOC_JS_BACKEND'];
  one.child = new Child(SERVER, [server, one.allocator], { execPath: node, execArgv });
  const port = await one.child.call('listen', { copies });
  await load.call('connect', { name: one.name, port });
  one.connected = true;
}

async function stop(one, load) {
  if (one.connected) await load.call('disconnect', { name: one.name }).catch(() => {});
  await one.child?.stop();
}

function row(one, mix, server) {
  const { closed, fixed, costs } = one;
  const served = sum(costs.map(({ requests }) => requests));
  const per10k = (field) => (sum(costs.map((lap) => lap[field])) / served) * 10_000;
  const rounds = {
    rps: closed.map(({ rps }) => rps),
    p50: fixed.map(({ p50 }) => p50),
    p99: fixed.map(({ p99 }) => p99),
    p999: fixed.map(({ p999 }) => p999),
    cpuUs: costs.map(({ cpuUs, requests }) => cpuUs / requests),
  };
  const ofRounds = (how) =>
    Object.fromEntries(Object.entries(rounds).map(([field, values]) => [field, how(values)]));
  const phases = [one.warm, ...closed, ...fixed];
  const total = (field) => sum(phases.map((phase) => phase[field]));
  const run = {
    mix,
    server,
    allocator: one.name,
    ...ofRounds(median),
    rss: Math.max(...costs.map(({ rss }) => rss)),
    gcMs: per10k('gcMs'),
    majorGcs: per10k('majorGcs'),
    requests: total('requests'),
    errors: total('errors'),
    verified: total('verified'),
    spread: ofRounds(spread),
  };
  return {
    run,
    rounds: { ...rounds, fullCpuUs: closed.map(({ fullCpuUs }) => fullCpuUs) },
    clientBusy: median(closed.map(({ busy }) => busy)),
    heapFallbacks: costs.at(-1).heapFallbacks,
    firstFault: phases.find((phase) => phase.firstFault)?.firstFault ?? null,
  };
}

module.exports = { measure, Wrong };
