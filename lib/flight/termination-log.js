'use strict';

// One line in the file that the kubelet copies into the pod's status when its container ends. What
// the application writes there is never touched: as soon as the file is not what was written last,
// nothing more is.

const fs = require('node:fs');
const { attempt } = require('../base/attempt.js');
const { variable } = require('../base/environment.js');
const time = require('../base/time.js');
const { warnOnce } = require('../base/warnings.js');

const DEFAULT = '/dev/termination-log';
const MARK = 'ralloc: ';
const MOST_BYTES = 4096; // of which the kubelet takes no more
const OTHERS_MS = 3000; // a line that is younger is of another process
const { O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDWR } = fs.constants;

class TerminationLog {
  #fd;
  #text = '';

  /** Uses the file that RALLOC_TERMINATION_LOG names, else Kubernetes' own, if it is there. */
  constructor() {
    const named = variable('RALLOC_TERMINATION_LOG') || undefined;
    try {
      this.#open(named ?? DEFAULT, named === undefined ? 0 : O_CREAT);
    } catch (error) {
      this.close();
      if (named === undefined && ['ENOENT', 'EACCES', 'EPERM', 'EROFS'].includes(error.code))
        return;
      const where = `its line to ${named ?? DEFAULT}`;
      const why = error.code === 'ELOOP' ? 'it is a symbolic link' : error.message;
      warnOnce('RALLOC_FLIGHT_OFF', { where, why }, 'RALLOC_FLIGHT_OFF of the log');
    }
  }

  #open(file, flags) {
    this.#fd = fs.openSync(file, O_RDWR | O_NOFOLLOW | O_NONBLOCK | flags, 0o644);
    const stat = fs.fstatSync(this.#fd);
    if (!stat.isFile()) throw new Error('it is not a file');
    this.#text = this.#read();
    const isOthers = this.#text !== '' && !this.#text.startsWith(MARK);
    if (isOthers || (this.#text !== '' && time.wall() - stat.mtimeMs < OTHERS_MS)) this.close();
  }

  #read() {
    const bytes = new Uint8Array(MOST_BYTES + 1);
    const count = fs.readSync(this.#fd, bytes, 0, bytes.length, 0);
    return new TextDecoder().decode(bytes.subarray(0, count));
  }

  get isOpen() {
    return this.#fd !== undefined;
  }

  /** Writes `line` in the place of the one before. */
  write(line) {
    if (this.#fd === undefined) return;
    const text = line === '' ? '' : `${MARK}${line}\n`.slice(0, MOST_BYTES / 4); // a letter has four bytes at most
    if (attempt(() => this.#replace(text), false) === false) this.close();
  }

  #replace(text) {
    if (this.#read() !== this.#text) return false;
    const bytes = new TextEncoder().encode(text);
    fs.writeSync(this.#fd, bytes, 0, bytes.length, 0);
    fs.ftruncateSync(this.#fd, bytes.length);
    this.#text = text;
    return true;
  }

  close() {
    if (this.#fd !== undefined) attempt(() => fs.closeSync(this.#fd));
    this.#fd = undefined;
  }
}

module.exports = { TerminationLog };
