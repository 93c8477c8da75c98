'use strict';

// The texts and stack frames of a payload's sites, each written once.

const { BytesWriter } = require('./bytes-writer.js');
const { eachOf, listOf, sections } = require('./payload.js');
const { nonsenseError } = require('./errors.js');

/** Numbers things in the order in which they come, and writes each when it is new. */
class Numbered {
  #numbers = new Map();

  /** The number of `key`; `write()` for a new one. */
  of(key, write) {
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#numbers.size;
      this.#numbers.set(key, number);
      write();
    }
    return number;
  }
}

class NameWriter {
  #texts = new Numbered();
  #frames = new Numbered();
  #entry = new BytesWriter();
  #list = [];
  #frameList = [];
  /** Frame → its number: sites of one payload share the objects, and a key of text takes ten times as long. */
  #seen = new Map();

  /** Writes the length of a definition `{ source, route, frames }` and then itself; of none, the length 0. */
  site(writer, definition) {
    const entry = this.#entry;
    entry.clear();
    if (definition !== undefined) {
      const { source, route, frames } = definition;
      entry.number(this.#text(source));
      entry.number(route === undefined ? 0 : this.#text(route) + 1);
      for (const frame of frames) entry.number(this.#frame(frame));
    }
    writer.number(entry.length);
    writer.raw(entry.bytes);
  }

  /** Writes what the sites need. */
  write(payload) {
    payload.section(sections.FRAMES, (writer) => {
      for (const numbers of this.#frameList) for (const number of numbers) writer.number(number);
    });
    payload.section(sections.STRINGS, (writer) => {
      for (const text of this.#list) writer.text(text);
    });
  }

  #text(text) {
    return this.#texts.of(text, () => this.#list.push(text));
  }

  #frame(frame) {
    let number = this.#seen.get(frame);
    if (number === undefined) {
      const { function: name, file, line, column } = frame;
      const numbers = [this.#text(name), this.#text(file), line, column];
      number = this.#frames.of(numbers.join(), () => this.#frameList.push(numbers));
      this.#seen.set(frame, number);
    }
    return number;
  }
}

/** Reads the two lists when a site asks first: most payloads have none that is new. */
class NameReader {
  #parts;
  #texts;
  #frames;

  constructor(parts) {
    this.#parts = parts;
  }

  /** `{ source, route, frames }`, of the reader of its bytes. Sites of a payload share their frames. */
  site(reader) {
    this.#load();
    const source = this.#text(reader.number());
    const route = reader.number();
    const frames = [];
    while (!reader.done) frames.push(known(this.#frames, reader.number()));
    reader.end();
    return { source, route: route === 0 ? undefined : this.#text(route - 1), frames };
  }

  #load() {
    if (this.#texts !== undefined) return;
    this.#texts = listOf(this.#parts, sections.STRINGS, (reader) => reader.text());
    this.#frames = listOf(this.#parts, sections.FRAMES, (reader) => ({
      function: this.#text(reader.number()),
      file: this.#text(reader.number()),
      line: reader.number(),
      column: reader.number(),
    }));
  }

  #text(number) {
    return known(this.#texts, number);
  }
}

function known(list, number) {
  const found = list[number];
  if (found === undefined) throw nonsenseError();
  return found;
}

/** Appends the numbers of the payload's sites in `table` to `numbers`, and defines those that are new there. */
function readSites(parts, table, numbers) {
  const names = new NameReader(parts);
  eachOf(parts, sections.SITES, (reader) => {
    const low = reader.uint32();
    const number = table.numberOf(reader.uint32(), low);
    numbers.push(number);
    const length = reader.count();
    if (length === 0) return;
    if (table.isDefined(number)) reader.at += length;
    else table.define(number, names.site(reader.part(length)));
  });
}

module.exports = { NameReader, NameWriter, readSites };
