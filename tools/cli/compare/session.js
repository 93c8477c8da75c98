'use strict';

// All runs of `ralloc compare --load`: one block of every variant, then blocks of plain and the
// three that seem best, until the time is over.

const { formatBytes } = require('../../../lib/base/bytes.js');
const { figuresOf } = require('../../compare/figures.js');
const { ranked } = require('../../compare/advice.js');
const { count } = require('../print.js');
const { REST_MS, RunError, runOnce } = require('./run.js');

const BEST = 3;
const RESTS = 2; // of each variant, whose rest is measured
/** A comparison of less than a minute waits for no rest. */
const LEAST_MINUTES = 1;
/** A status that plain never gives, in more than this part of the answers, is another answer. */
const STRAY = 0.001;

const clock = (ms) => {
  const seconds = Math.max(0, Math.round(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
};

class Session {
  #variants;
  #options;
  #onProgress;
  #began = performance.now();
  #tookMs; // of a run without its rest
  #asked;
  block = 0;
  runs = [];
  /** Name → why it was not measured to its end. */
  ended = new Map();
  left = [];
  notes = new Set();
  node;

  /**
   * `variants`: plain first. `options`: for runOnce(), and `{ minutes, afterRun(name) → why the
   * variant ends }`.
   */
  constructor(variants, options, onProgress) {
    this.#variants = variants;
    this.#options = options;
    this.#onProgress = onProgress;
  }

  get #leftMs() {
    return this.#options.minutes * 60_000 - (performance.now() - this.#began);
  }

  get variants() {
    return this.#variants;
  }

  get figures() {
    return figuresOf(this.runs);
  }

  #isEnded = ({ name }) => this.ended.has(name);

  #tell(name, of) {
    this.#onProgress(`block ${this.block}${of}, ${name}: ${clock(this.#leftMs)} left`);
  }

  get #isResting() {
    return this.#options.minutes >= LEAST_MINUTES;
  }

  #runMs(isResting) {
    return this.#tookMs + (isResting ? REST_MS : 0);
  }

  #restsOf = (name) => this.runs.filter((run) => run.name === name && run.cost.rest).length;

  async #run(variant, { isResting, of = '' }) {
    const { name } = variant;
    this.#tell(name, of);
    const begun = performance.now();
    try {
      const run = await runOnce(variant, this.#options, { isResting, asked: this.#asked });
      this.#tookMs = performance.now() - begun - (isResting ? REST_MS : 0);
      this.#learn(run);
      const why = this.#options.afterRun?.(name);
      if (why !== undefined) throw new RunError(why, { isResult: true });
      this.runs.push({ block: this.block, name, ...run });
    } catch (error) {
      if (!(error instanceof RunError)) throw error;
      if (name === 'plain' && !error.isResult) throw error;
      this.#end(name, error.message);
    }
  }

  #end(name, why) {
    this.ended.set(name, why);
    this.runs = this.runs.filter((run) => run.name !== name);
  }

  #learn({ asked, cost, node, port, others }) {
    const free = process.availableMemory?.() ?? Number.POSITIVE_INFINITY;
    if (free < cost.peak)
      this.notes.add(
        `Little memory is free, ${formatBytes(free)}: servers may be swapped, or killed.`,
      );
    this.#asked ??= asked;
    this.node ??= node;
    if (others.length > 0)
      this.notes.add(
        `The server listens on several ports: ${[port, ...others].join(', ')}. {port} and {url} are of the first one.`,
      );
  }

  /** Ends variants that answer otherwise than both runs of plain. */
  #compareAnswers() {
    const plains = this.runs.filter(({ name }) => name === 'plain');
    const seen = new Set(plains.flatMap(({ cost }) => Object.keys(cost.statuses)));
    const [first, ...others] = plains.map(({ answers }) => answers);
    const known = first.filter(({ url, status }) =>
      others.every((all) => all.some((one) => one.url === url && one.status === status)),
    );
    const hashOf = ({ url, hash }) =>
      others.every((all) => all.some((one) => one.url === url && one.hash === hash)) ? hash : null;
    for (const { name, cost, answers } of this.runs) {
      if (name === 'plain' || this.ended.has(name)) continue;
      const all = Object.values(cost.statuses).reduce((sum, value) => sum + value, 0);
      const strange = Object.entries(cost.statuses).find(
        ([status, value]) => !seen.has(status) && value > STRAY * all,
      );
      const other = known.find((one) => {
        const answer = answers.find(({ url }) => url === one.url);
        const hash = hashOf(one);
        return answer && (answer.status !== one.status || (hash !== null && answer.hash !== hash));
      });
      if (strange !== undefined)
        this.#end(
          name,
          `it answers ${strange[1]} of ${all} requests with ${strange[0]}, which plain never does`,
        );
      else if (other !== undefined)
        this.#end(
          name,
          `it answers GET ${other.url} otherwise than plain: other bytes, or another status than ${other.status}`,
        );
    }
  }

  /** The variants that there is time for. Others are told. */
  #fitting(others) {
    const each = this.#runMs(this.#isResting);
    const room = Math.max(1, Math.floor(this.#leftMs / each) - 1);
    const without = others.slice(room);
    if (without.length > 0) {
      const minutes = Math.ceil(((others.length + 2) * each) / 60_000);
      const names = without.map(({ name }) => name).join(', ');
      this.left.push(`${names}: no time; one block of all takes --minutes ${minutes}`);
    }
    return others.slice(0, room);
  }

  async #first() {
    const [plain, ...all] = this.#variants;
    this.block = 1;
    const how = { isResting: this.#isResting };
    await this.#run(plain, how);
    const able = all.filter(({ name, whyOn }) => {
      const why = this.node && whyOn?.(this.node);
      if (why) this.left.push(`${name}: ${why}`);
      return !why;
    });
    const isThere = !this.ended.has('plain');
    const others = isThere ? this.#fitting(able) : able;
    this.#variants = [plain, ...others];
    for (const variant of others) await this.#run(variant, how);
    if (!isThere) return [];
    await this.#run(plain, how);
    if (this.ended.has('plain')) return [];
    this.#compareAnswers();
    const living = others.filter((one) => !this.#isEnded(one)).map(({ name }) => name);
    const best = ranked(living, this.figures.figures).slice(0, BEST);
    return others.filter(({ name }) => best.includes(name));
  }

  /** How many more blocks of so many runs there is time for. */
  #blocksLeft(runs) {
    return Math.floor(this.#leftMs / (runs * this.#runMs(false)));
  }

  async run() {
    const [plain] = this.#variants;
    const isAlone = this.#variants.length === 1;
    for (let best = await this.#first(); ; best.reverse()) {
      best = best.filter((one) => !this.#isEnded(one));
      const runs = best.length + 2;
      const left = this.#blocksLeft(runs);
      const isOver = this.ended.has('plain') || (best.length === 0 && !isAlone);
      if (left < 1 || isOver) return;
      this.block++;
      const isThere = this.#isResting && this.#restsOf('plain') < 2 * RESTS;
      const isResting = isThere && this.#leftMs >= runs * this.#runMs(true);
      const how = { isResting, of: ` of about ${this.block - 1 + left}` };
      for (const variant of [plain, ...best, plain]) await this.#run(variant, how);
      if (!this.ended.has('plain')) this.#compareAnswers();
    }
  }

  get summary() {
    return `${count(this.block, 'block')}, ${count(this.runs.length, 'run')}`;
  }
}

module.exports = { Session, clock };
