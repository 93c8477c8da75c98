'use strict';

// Prints the files of lib/ that a request walks through: those with a function that runs at its
// beginning, its first allocation and its end. The fewer there are, the sooner a reader knows what
// happens there. The request comes after others, so what is done once for a process is not in it,
// nor what few requests do, nor the fallback, which stands in for the binary.

const { EventEmitter } = require('node:events');
const { Session } = require('node:inspector');
const { Socket } = require('node:net');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const ROOT = path.join(__dirname, '..');
const LIB = `${pathToFileURL(path.join(ROOT, 'lib'))}/`;
const WARM_UP = 200; // requests before the one that is looked at

const nextTick = () => new Promise(process.nextTick);

class Coverage {
  #session = new Session();

  constructor() {
    this.#session.connect();
    this.#ask('Profiler.enable');
    this.#ask('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  }

  /** A session of the own thread calls back at once. */
  #ask(method, params) {
    let answer;
    this.#session.post(method, params, (error, result) => {
      if (error) throw new Error(`${method}: ${error.message}`);
      answer = result;
    });
    return answer;
  }

  /** The files with a function that has run since the last call. */
  take() {
    const { result } = this.#ask('Profiler.takePreciseCoverage');
    const hasRun = ({ functions }) => functions.some(({ ranges: [{ count }] }) => count > 0);
    const ofLib = result.filter((one) => one.url.startsWith(LIB) && hasRun(one));
    const files = ofLib.map(({ url }) => url.slice(LIB.length)).sort();
    return files.filter((file) => !file.startsWith('memory/fallback/'));
  }

  stop() {
    this.#session.disconnect();
  }
}

/** Step of a request → its files. */
async function walkedFiles() {
  const coverage = new Coverage(); // before what it counts is loaded
  const { requestArena } = require('..');
  const arenas = requestArena();
  const socket = new Socket();
  const walked = {};
  for (let i = 0; i <= WARM_UP; i++) {
    const req = Object.assign(new EventEmitter(), { method: 'GET', socket });
    const res = Object.assign(new EventEmitter(), { writableFinished: false });
    coverage.take();
    arenas(req, res, () => {});
    walked.beginning = coverage.take();
    req.arena.allocUnsafe(5000); // less in all is of Node's pool
    walked['first allocation'] = coverage.take();
    res.writableFinished = true;
    res.emit('close');
    await nextTick(); // the end comes in a tick of its own
    walked.end = coverage.take();
  }
  coverage.stop();
  await arenas.close();
  return walked;
}

async function main() {
  for (const [step, files] of Object.entries(await walkedFiles())) {
    console.log(`${step}: ${files.length} files`);
    for (const file of files) console.log(`  ${file}`);
  }
}

module.exports = { walkedFiles };

if (require.main === module) main();
