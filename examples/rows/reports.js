'use strict';

// Reports of pages, as text for people. They are kept, and what was not asked for the longest goes first.

const { LEVELS } = require('./lines.js');

const LINES = 48;
const NEWLINE = 10;

const ESCAPES = { '<': '&lt;', '>': '&gt;', '&': '&amp;' };
const escaped = (value) => value.replace(/[<>&]/g, (sign) => ESCAPES[sign]);

/** A report of the lines from `start` on. */
function render(text, start, page) {
  const items = [];
  for (let at = start; items.length < LINES; ) {
    const end = text.indexOf(NEWLINE, at);
    const [number, level, ms, message] = text.latin1Slice(at, end).split('\t');
    const head = `<b>${number}</b> ${LEVELS[level]}`;
    items.push(`<li>${head} ${escaped(message)} <i>${ms} ms</i></li>`);
    at = end + 1 === text.length ? 0 : end + 1;
  }
  return `<h1>Page ${page}</h1>\n<ul>\n${items.join('\n')}\n</ul>\n`;
}

exports.Reports = class Reports {
  #reports = new Map(); // by page, the next to go first
  #region;
  #most;

  constructor(region, most) {
    this.#region = region;
    this.#most = most;
  }

  /** The report of a page, whose lines begin at `start`. */
  get(page, text, start) {
    const report = this.#reports.get(page) ?? this.#make(page, text, start);
    this.#reports.delete(page);
    this.#reports.set(page, report);
    if (this.#reports.size > this.#most) this.#drop(this.#reports.keys().next().value);
    return report;
  }

  #make(page, text, start) {
    const rendered = render(text, start, page);
    const report = this.#region.allocUnsafe(Buffer.byteLength(rendered));
    report.write(rendered);
    return report;
  }

  /** A response that has it at that moment is sent whole: the region's guard sees to that. */
  #drop(page) {
    const report = this.#reports.get(page);
    this.#reports.delete(page);
    this.#region.free(report);
  }

  clear() {
    for (const page of this.#reports.keys()) this.#drop(page);
  }
};
