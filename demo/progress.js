'use strict';

// How far it is, on stderr: a line that is rewritten, with the time left; where that is no terminal, a line at
// each tenth.

const BAR = 24;

function clock(seconds) {
  const s = Math.max(0, Math.round(seconds));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}

class Progress {
  #total;
  #stream;
  #now;
  #began;
  #done = 0;
  #tenths = 0;

  /** For about `total` seconds of work. */
  constructor(total, { stream = process.stderr, now = () => performance.now() / 1000 } = {}) {
    this.#total = total;
    this.#stream = stream;
    this.#now = now;
    this.#began = now();
  }

  /** `seconds` of the work are done; `what` is under way. */
  step(what, seconds) {
    this.#done = Math.min(this.#done + seconds, this.#total);
    const share = this.#done / this.#total;
    const elapsed = this.#now() - this.#began;
    // What was planned, until enough is done to know how fast it goes here.
    const left = (this.#total - this.#done) * (share < 0.05 ? 1 : elapsed / this.#done);
    const bar = '█'.repeat(Math.round(share * BAR)).padEnd(BAR, '░');
    this.#write(`${bar} ${Math.round(share * 100)} %, ${clock(left)} left  ${what}`, share);
  }

  #write(line, share) {
    const stream = this.#stream;
    if (stream.isTTY) {
      stream.write(`\r\x1b[K${line.slice(0, (stream.columns || 80) - 1)}`);
      return;
    }
    const tenths = Math.floor(share * 10);
    if (tenths > this.#tenths) stream.write(`${line}\n`);
    this.#tenths = tenths;
  }

  /** Clears the line. */
  end() {
    if (this.#stream.isTTY) this.#stream.write('\r\x1b[K');
  }
}

module.exports = { Progress, clock };
