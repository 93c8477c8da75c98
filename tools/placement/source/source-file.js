'use strict';

// The text of a file that allocates: what it is known by, and where in it a call stands.

const fs = require('node:fs');
const path = require('node:path');
const { fingerprint } = require('../../recorder/fingerprint.js');
const { sourceText } = require('./source-text.js');

/** Only code is read, because a foreign profile or table may name any file. */
const CODE = /\.[cm]?[jt]sx?$/i;
const MOST_BYTES = 1 << 26;

/** Up to so many lines before and after a line are used to distinguish it from equal lines. */
const MOST_REACH = 3;

/** Instead of a line number: there are several such lines. */
const MANY = 0;

const NAME = /[\p{ID_Start}$_][\p{ID_Continue}$]*/uy;
const CALLEE = /(?<![\w$.])Buffer\s*\??\.\s*$/;
/** The text after a name that is called. */
const CALLED = /^\s*(?:\?\.\s*)?\(/;

class SourceFile {
  sha256;
  changed; // ms since 1970
  #text;
  #lines; // trimmed
  #starts = [0];
  #unique = []; // by reach: fingerprint -> line, or MANY

  constructor(bytes, changed) {
    this.changed = changed;
    const { sha256, text } = sourceText(bytes);
    this.sha256 = sha256;
    this.#text = text;
    for (const { index } of this.#text.matchAll(/\n/g)) this.#starts.push(index + 1);
    this.#lines = this.#text.split('\n').map((line) => line.trim());
  }

  /** Reads a file; undefined if it does not exist or is not code. */
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
   * Finds the call at V8's line and column (from 1): `{ offset, callee }`, such as `Buffer.from`
   * and its start in UTF-16 units. Returns undefined if there is no name, or, for a source that is
   * a method of Buffer, if it is neither that method nor another function that is called.
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

  /**
   * A fingerprint that identifies a place in a line even if the line moves; undefined if it would
   * not be unique.
   */
  fingerprintOf(line, column) {
    for (let reach = 0; reach <= MOST_REACH; reach++) {
      const print = this.#printOf(line - 1, reach);
      if (this.#index(reach).get(print) !== line) continue;
      return `${reach}:${column - this.#indentOf(line)}:${print}`;
    }
    return undefined;
  }

  /** The `{ line, column }` of a fingerprint; undefined if it is nowhere, or in several places. */
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

/**
 * The site at the current place of its fingerprint; undefined if that is nowhere, or in several
 * places.
 */
function follow(site, text) {
  const at = text.find(site.fingerprint);
  const call = at && text.callAt(at.line, at.column, site.source);
  return call && { ...site, ...at, offset: call.offset };
}

module.exports = { MOST_REACH, SourceFile, follow };
