'use strict';

// The flight recorder of this process: a file that is written a few times a second, and that is
// there when the process was killed.
//
// The loop writes it, by pwrite: 3 us for 8 KB, and what was written survives SIGKILL as a shared
// mapping does, which would end the process by SIGBUS where the disk is full. When the loop is
// blocked, a thread of the binary notes what it can see.

const fs = require('node:fs');
const channels = require('node:diagnostics_channel');
const path = require('node:path');
const process = require('node:process');
const { attempt } = require('../base/attempt.js');
const { lazy } = require('../base/lazy.js');
const { isMainThread } = require('../base/runtime.js');
const time = require('../base/time.js');
const check = require('../base/validate.js');
const { warnOnce } = require('../base/warnings.js');
const memory = require('../memory/native.js');
const node = require('../process/made-by-node.js');
const { isOfRalloc } = require('../debug/stack/frames.js');
const { BEATS, END, FlightFile, readFlight } = require('./file.js');
const { NEW, makeFolder, makeOwnFolder, nameHere, removeOld, shortOf } = require('./folder.js');
const { previousIn, watchChildren } = require('./previous.js');
const { FlightRecord } = require('./record.js');
const { Signals } = require('./signals.js');
const { TerminationLog } = require('./termination-log.js');

const explanation = lazy(() => require('./explain.js')); // for a termination log

const BUSY_MS = 100;
const IDLE_MS = 150; // between two records of a process that does nothing; late timers must not make it 250
const MOST_TRIED = 8; // names: another container may have a process of the same id
const IDLE_CPU_MS = 5; // what it uses at most between two
const LOG_MS = 1000;
const MOST_STACK = 20_000; // letters of an error's stack
const METHOD = 8; // where it begins on the board
const [SLASH, QUESTION] = [47, 63];
const REQUEST = 'http.server.request.start';
const FRAME = /(?:^|[\s(])((?:file:\/\/)?(?:\/|[A-Za-z]:\\)[^\s()]*):(\d+):\d+\)?$/gm;

const { cpuUsage } = process;

/**
 * Opens a file of a new name in `folder`: `[its name, the file]`. It gets the name with its first
 * record.
 */
function open(folder) {
  removeOld(folder);
  for (let tried = 0; ; tried++) {
    const name = `${nameHere()}${tried === 0 ? '' : `.${tried}`}.flight`;
    const file = path.join(folder, name);
    try {
      if (fs.existsSync(file)) continue;
      return [file, new FlightFile(`${file}${NEW}`)];
    } catch (error) {
      if (error.code !== 'EEXIST' || tried > MOST_TRIED) throw error;
    }
  }
}

/** Of an error, its class, and the line that threw it. */
function aboutError(error) {
  const name = attempt(() => (typeof error.name === 'string' ? error.name : ''), '');
  const lines = attempt(() => [...`${error.stack}`.slice(0, MOST_STACK).matchAll(FRAME)], []);
  const places = lines.map(([, url, line]) => [url.replace(/^file:\/\//, ''), line]);
  const [file, line] = places.find(([one]) => !isOfRalloc(one)) ?? [];
  return {
    name: /^\w{1,60}$/.test(name) ? name : undefined,
    at: file === undefined ? undefined : `${shortOf(file)}:${line}`,
  };
}

class Recorder {
  file;
  #flight;
  #isOwnFolder;
  #record;
  #timer;
  #cpu = 0;
  #log;
  #loggedAt = Number.NEGATIVE_INFINITY;
  #board; // what the thread reads: the sequence of the last record, and the last request that began
  #sequence; // the same as a number
  #given; // the method of the last request
  #method = ''; // the same, and what is between it and the path
  #signals;
  #leaveChildren;
  #exitListeners = 0; // of the process, at the last record

  constructor(folder, isOwnFolder) {
    this.#isOwnFolder = isOwnFolder;
    [this.file, this.#flight] = open(folder);
    node.watch();
    this.#record = new FlightRecord();
    this.#log = new TerminationLog();
    this.#startThread();
    this.#write();
    fs.renameSync(`${this.file}${NEW}`, this.file);
    this.#listenLast();
    process.on('uncaughtExceptionMonitor', this.#onError);
    this.#signals = new Signals((signal) => this.#end({ how: 'signal', signal }), this.#noted());
    this.#signals.start();
    this.#leaveChildren = watchChildren(folder);
    time.outside(() => this.#schedule());
  }

  #startThread() {
    const { groupFile } = this.#record;
    const board = attempt(() =>
      memory.watchLoop?.(this.#flight.fd, BEATS.from, BEATS.size, groupFile),
    );
    if (!(board instanceof ArrayBuffer)) return;
    this.#board = new Uint8Array(board);
    this.#sequence = new Float64Array(board, 0, 1);
    channels.subscribe(REQUEST, this.#onRequest);
  }

  /** Has the binary note the signal that ends the process; undefined where it cannot. */
  #noted() {
    const removed = this.#isOwnFolder ? this.file : undefined;
    const isNoted = attempt(() => memory.noteSignals(this.#flight.fd, END.from, removed), false);
    if (isNoted !== true) return undefined;
    const onHeard = (signal) => {
      if (signal === 'SIGHUP') return; // asks daemons to read their settings again
      this.#record.asked = { signal, at: time.wall() };
      this.#write();
    };
    return { onHeard, note: (number) => memory.noteSignal(number) };
  }

  /**
   * Notes the method and the first segment of the path, of which the thread writes names alone.
   * Each request calls it: most have the method of the one before.
   */
  #onRequest = ({ request: { method, url } }) => {
    const board = this.#board;
    if (method !== this.#given) this.#writeMethod(method);
    let at = METHOD + this.#method.length;
    for (let index = 1; index < url.length && at < board.length - 1; index++) {
      const code = url.charCodeAt(index);
      if (code === SLASH || code === QUESTION) break;
      board[at++] = code;
    }
    board[at] = 0;
  };

  #writeMethod(method) {
    this.#method = `${method.slice(0, 16)} /`;
    for (let index = 0; index < this.#method.length; index++)
      this.#board[METHOD + index] = this.#method.charCodeAt(index);
    this.#given = method;
  }

  #schedule() {
    if (this.#flight === undefined) return;
    const { user, system } = cpuUsage();
    const used = (user + system) / 1000 - this.#cpu;
    this.#cpu += used;
    const ms = used > IDLE_CPU_MS ? BUSY_MS : IDLE_MS;
    this.#timer = time.unref(time.setTimeout(this.#onTimer, ms));
  }

  /** The application's listeners of 'exit' may change the exit code, or throw. */
  #listenLast() {
    process.off('exit', this.#onExit);
    process.on('exit', this.#onExit);
    this.#exitListeners = process.listenerCount('exit');
  }

  #onTimer = () => {
    this.#write();
    if (process.listenerCount('exit') !== this.#exitListeners) attempt(() => this.#listenLast());
    this.#schedule();
  };

  #write() {
    try {
      if (this.#sequence !== undefined) this.#sequence[0] = this.#flight.sequence + 1;
      if (!this.#flight.record(time.wall(), this.#record.text()))
        throw new Error('the record is too long');
    } catch ({ message }) {
      const where = `to ${this.file}`;
      warnOnce('RALLOC_FLIGHT_OFF', { where, why: message }, 'RALLOC_FLIGHT_OFF of the file');
    }
    const now = time.now();
    if (now - this.#loggedAt < LOG_MS) return;
    this.#loggedAt = now;
    attempt(() => this.#writeLog());
  }

  /** A line that names no kind of memory must not hide the end of the container's log. */
  #writeLog(isLast = false) {
    if (!this.#log.isOpen) return;
    const { how, kind, line, state } = explanation().explain(readFlight(this.file));
    const at = new Date(time.wall()).toISOString().slice(0, 19);
    if (isLast && kind === undefined) return this.#log.write('');
    this.#log.write(how.how === 'running' ? `at ${at}Z it had ${state}` : line);
  }

  /** Another listener may have changed the code that this one is given. */
  #onExit = (code) => this.#end({ how: 'exit', code: Number(process.exitCode ?? code) });

  /** If nobody handles it, the process ends by it. */
  #onError = (error) => {
    const isHandled =
      process.listenerCount('uncaughtException') > 0 ||
      attempt(() => process.hasUncaughtExceptionCaptureCallback(), false);
    if (!isHandled) this.#end({ how: 'uncaught', ...aboutError(error) });
  };

  #end(end) {
    if (this.#flight === undefined) return;
    attempt(() => this.#flight.record(time.wall(), this.#record.text()));
    attempt(() => this.#flight.end(time.wall(), JSON.stringify(end)));
    const isClean = end.how !== 'uncaught' && !(end.code > 0);
    attempt(() => (isClean ? this.#log.write('') : this.#writeLog(true)));
    this.#stop();
    if (isClean && this.#isOwnFolder) attempt(() => fs.unlinkSync(this.file));
  }

  #stop() {
    time.clearTimeout(this.#timer);
    this.#record.close();
    this.#leaveChildren();
    if (this.#board !== undefined) {
      channels.unsubscribe(REQUEST, this.#onRequest);
      attempt(() => memory.unwatchLoop());
    }
    this.#flight.close();
    this.#flight = undefined;
    this.#log.close();
    process.off('exit', this.#onExit);
    process.off('uncaughtExceptionMonitor', this.#onError);
  }

  close() {
    this.#signals.stop();
    this.#end({ how: 'closed' });
  }
}

let current;
let previous;

/** Tells once how the process before this one ended. */
function tellPrevious(folder, file) {
  previous = attempt(() => previousIn(folder, file));
  if (previous === undefined) return;
  attempt(() => fs.writeSync(2, `${JSON.stringify({ ralloc: 'previousExit', ...previous })}\n`));
}

/**
 * Begins to record this process, once; a later call returns the same. `dir`: the folder of the
 * recording, which outlives a container only if a volume is mounted there; by default one of this
 * user in the temporary folder. Returns undefined, after a warning, if nothing can be written, and
 * in workers. Never throws.
 */
function begin({ dir } = {}) {
  if (current !== undefined || !isMainThread) return current;
  try {
    if (dir !== undefined) makeFolder(dir);
    const folder = dir ?? makeOwnFolder();
    current = new Recorder(folder, dir === undefined);
    tellPrevious(folder, current.file);
  } catch (error) {
    const where = dir === undefined ? 'in the temporary folder' : `in ${dir}`;
    warnOnce('RALLOC_FLIGHT_OFF', { where, why: error.message }, 'RALLOC_FLIGHT_OFF of the file');
  }
  return current;
}

/** Ends it. */
function end() {
  current?.close();
  current = undefined;
}

const previousExit = () => previous;

const OPTIONS = { dir: check.string };

/** Begins to record this process. */
function flightRecorder(options) {
  const { dir } = check.options(options, OPTIONS);
  const recorder = begin(dir === undefined ? {} : { dir: path.resolve(dir) });
  return { file: recorder?.file, close: end };
}

module.exports = { begin, end, previousExit, flightRecorder };
