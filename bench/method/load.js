'use strict';

// The two kinds of load of a client that is a process of its own, over some kept-alive connections
// to each server: closed loop and fixed rate. Both are bounded in time, and give up after a hundred
// faults. Which protocol the connections speak is the caller's.

const { answerCalls } = require('./child.js');
const { Metronome, now } = require('./metronome.js');

const MANY_FAULTS = 100;
const START_UP = 3e6; // ns, for the metronome to wake
const LATE = 10_000; // ms that a phase may take beyond three times its own

let nextId = 1;
const metronome = new Metronome();
const targets = new Map();

/** The bookkeeping that both kinds of load share; `onFree(connection)` may send again. */
class Phase {
  sent = 0;
  done = 0;
  verified = 0;
  faults = 0;
  firstFault = null;
  #mix;
  #target;

  constructor(name, mix, onFree) {
    this.#mix = mix;
    this.#target = targets.get(name);
    this.#target.onDone = (connection, fault, verified) => {
      this.done++;
      if (verified) this.verified++;
      if (fault !== null) this.fault(fault, 1);
      onFree(connection);
    };
  }

  fault(text, count) {
    this.faults += count;
    this.firstFault ??= text;
  }

  get connections() {
    return this.#target.connections;
  }

  get hopeless() {
    return this.faults >= MANY_FAULTS;
  }

  send(connection) {
    this.sent++;
    connection.send(this.#mix, nextId++);
  }

  result(more) {
    const { done, verified, faults, firstFault, hopeless } = this;
    return { requests: done, verified, errors: faults, firstFault, hopeless, ...more };
  }
}

let polls = false;

/**
 * Keeps this process from sleeping. A server pays for waking a client that sleeps: on a virtual
 * machine with 18 µs of CPU a request it was 15 µs more, which a server that is a little slower
 * pays more often than another.
 */
function stayAwake() {
  if (polls) setImmediate(stayAwake);
}

/**
 * For so many seconds, or until so many requests are sent. With `isPolling` this process does not
 * sleep in between.
 */
function closedLoop({ name, mix, seconds = Infinity, requests = Infinity, isPolling = false }) {
  return new Promise((resolve) => {
    polls = isPolling;
    stayAwake();
    const cpu = process.cpuUsage();
    const start = now();
    const end = start + seconds * 1e9;
    const phase = new Phase(name, mix, (connection) => {
      const goesOn = now() < end && phase.sent < requests && !phase.hopeless;
      if (goesOn) return phase.send(connection);
      if (phase.done < phase.sent) return;
      polls = false;
      const elapsed = now() - start;
      const { user, system } = process.cpuUsage(cpu);
      const busy = ((user + system) * 1000) / elapsed;
      resolve(phase.result({ rps: (phase.done * 1e9) / elapsed, busy }));
    });
    for (const connection of phase.connections) phase.send(connection);
  });
}

/**
 * Each request has an instant at which it is meant to start; what comes later counts against it.
 * The connection used last is taken first, as pools of connections do: one that rested a while
 * meets the delayed ACK of TCP, some 50 ms on loopback, in which no server has a part.
 */
function fixedRate({ name, mix, rate, seconds }) {
  return new Promise((resolve) => {
    const total = Math.max(1, Math.round(rate * seconds));
    const gap = 1e9 / rate;
    const start = now() + START_UP;
    const latencies = []; // ms
    const startedFor = new Map();
    const phase = new Phase(name, mix, (connection) => {
      latencies.push((now() - startedFor.get(connection)) / 1e6);
      free.push(connection);
      if (phase.done === total || phase.hopeless) finish();
      else sendDue();
    });
    const free = [...phase.connections];
    const sendDue = () => {
      const due = Math.min(total, 1 + Math.floor((now() - start) / gap));
      while (phase.sent < due && free.length > 0) {
        const connection = free.pop(); // the last used first, see above
        startedFor.set(connection, start + phase.sent * gap);
        phase.send(connection);
      }
    };
    const finish = () => {
      clearTimeout(deadline);
      metronome.stop();
      const unanswered = total - phase.done;
      if (unanswered > 0) phase.fault(`${mix}: ${unanswered} requests unanswered`, unanswered);
      resolve(phase.result({ latencies: Float64Array.from(latencies) }));
    };
    const deadline = setTimeout(finish, 3000 * seconds + LATE);
    metronome.start(start, gap, total, sendDue);
  });
}

/**
 * Answers calls for loads, and those of `more`.
 * @param {(port: number, onDone: Function) => object[] | Promise<object[]>} connect makes the
 * connections to a server. Each has `send(mix, id)`, which leads to one call of
 * `onDone(connection, fault, verified)` (fault is null or text), and `destroy()`
 */
function answerLoads(connect, more) {
  answerCalls({
    async connect({ name, port }) {
      const target = { port, connections: [], onDone: null };
      target.connections = await connect(port, (...args) => target.onDone(...args));
      targets.set(name, target);
    },

    async disconnect({ name }) {
      const { connections } = targets.get(name);
      targets.delete(name);
      await Promise.all(connections.map((connection) => connection.destroy()));
    },

    closedLoop,
    fixedRate,
    ...more,
  });
}

const portOf = (name) => targets.get(name).port;

module.exports = { answerLoads, portOf };
