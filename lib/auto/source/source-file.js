'use strict';

// The text of a file that allocates: what it is known by, and where in it a call stands.

const fs = require('node:fs');
const path = require('node:path');
const { fingerprint } = require('./fingerprint.js');
const { sourceText } = require('./source-text.js');

/** A profile or a table of somebody else's may name any file: nothing but code is read. */
const CODE = /\.[cm]?[jt]sx?$/i;
const MOST_BYTES = 1 << 26;

/** So many lines before and behind a line tell it from others that have the same text. */
const MOST_REACH = 3;

/** In the place of a line: there are several. */
const MANY = 0;

const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$]*/uy;
const CALLEE = /(?<![\w$.])Buffer\s*\??\.\s*$/;
/** Behind a name that is called. */
const CALLED = /^\s*(?:\?\.\s*)?\(/;

class SourceFile {
  sha256;
  changed; // ms since 1970
  #text;
  #lines; // trimmed
  #starts = [0];
  #unique = []; // by reach: fingerprint → line, or MANY

  constructor(bytes, changed) {
    this.changed = changed;
    const { sha256, text } = sourceText(bytes);
    this.sha256 = sha256;
    this.#text = text;
    for (const { index } of this.#text.matchAll(/\n/g)) this.#starts.push(index + 1);
    this.#lines = this.#text.split('\n').map((line) => line.trim());
  }

  /** Undefined where there is no such file, or it is no code. */
  static read(file) {
    if (!CODE.test(file) || !path.isAbsolute(file)) return undefined;
    try {
      const { size, mtimeMs } = fs.statSync(file);
      return size > MOST_BYTES ? undefined : new SourceFile(fs.readFileSync(file), mtimeMs);
    } catch {
      return undefined;
    }
  }

  /**
   * `{ offset, callee }` of a call at a line and column, both from 1, as V8 tells it: `Buffer.from`, where it begins, in UTF-16 units. Undefined where no name is there, or
   * for a source of Buffer's neither its method nor another name that is called.
   */
  callAt(line, column, source) {
    const start = this.#starts[line - 1];
    if (start === undefined) return undefined;
    NAME.lastIndex = start + column - 1;
    const [name] = NAME.exec(this.#text) ?? [];
    if (name === undefined) return undefined;
    const at = start + column - 1;
    if (!source.startsWith('Buffer.')) return { offset: at, callee: name };
    const before = CALLEE.exec(this.#text.slice(Math.max(0, at - 80), at));
    if (before === null)
      return CALLED.test(this.#text.slice(at + name.length))
        ? { offset: at, callee: name }
        : undefined;
    if (source !== `Buffer.${name}`) return undefined;
    return { offset: at - before[0].length, callee: before[0] + name };
  }

  /** What tells a place of a line from all others, wherever the line stands; undefined where nothing does. */
  fingerprintOf(line, column) {
    for (let reach = 0; reach <= MOST_REACH; reach++) {
      const print = this.#printOf(line - 1, reach);
      if (this.#index(reach).get(print) !== line) continue;
      return `${reach}:${column - this.#indentOf(line)}:${print}`;
    }
    return undefined;
  }

  /** `{ line, column }` of a fingerprint; undefined where it is nowhere, or in more than one place. */
  find(position) {
    const [reach, column, print] = position.split(':');
    const line = this.#index(Number(reach)).get(print);
    if (line === undefined || line === MANY) return undefined;
    return { line, column: Number(column) + this.#indentOf(line) };
  }

  #index(reach) {
    if (this.#unique[reach] === undefined) {
      const lines = new Map();
      this.#lines.forEach((text, i) => {
        if (text === '') return;
        const print = this.#printOf(i, reach);
        lines.set(print, lines.has(print) ? MANY : i + 1);
      });
      this.#unique[reach] = lines;
    }
    return this.#unique[reach];
  }

  #printOf(i, reach) {
    return fingerprint(this.#lines.slice(Math.max(0, i - reach), i + reach + 1).join('\n'));
  }

  #indentOf(line) {
    return /^[^\S\n]*/.exec(this.#text.slice(this.#starts[line - 1]))[0].length;
  }
}

/** The site where its fingerprint is now; undefined where that is nowhere, or in several places. */
function follow(site, text) {
  const at = text.find(site.fingerprint);
  const call = at && text.callAt(at.line, at.column, site.source);
  return call && { ...site, ...at, offset: call.offset };
}

module.exports = { MOST_REACH, SourceFile, follow };
