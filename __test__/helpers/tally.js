'use strict';

// A recorder in the test's own process, and its blocks added up.

const { events } = require('../../tools/recorder/events.js');
const { Recorder } = require('../../tools/recorder/recorder.js');
const { cellsOf } = require('./sums.js');

/** A recorder that runs until the test is over. Each allocation is a sample, if `rate` does not say otherwise. */
function record(t, options) {
  const recorder = new Recorder({ rate: 1, seed: 5, ...options });
  recorder.start();
  t.teardown(() => recorder.stop());
  return recorder;
}

class Tally {
  sites;
  #cells;

  constructor(...blocks) {
    this.sites = blocks.flatMap(({ sites }) => sites);
    this.#cells = blocks.flatMap(({ cells }) => cellsOf(cells));
  }

  /** The sites whose innermost frame is in a file. */
  at(file) {
    return this.sites.filter(({ frames }) => frames[0]?.file === file);
  }

  /** The cells of a site and an event. */
  cells(site, event) {
    return this.#cells.filter((cell) => cell.site === site && cell.event === event);
  }

  /** Their sum. */
  of(site, event) {
    const sum = { samples: 0, count: 0, bytes: 0 };
    for (const cell of this.cells(site, event)) for (const key in sum) sum[key] += cell[key];
    return sum;
  }

  /** Estimate of the bytes of a site that live. */
  live(site) {
    const gone = [events.DIED, events.DIED_OLD, events.TRANSFERRED];
    return gone.reduce(
      (sum, event) => sum - this.of(site, event).bytes,
      this.of(site, events.BORN).bytes,
    );
  }
}

module.exports = { Tally, record };
