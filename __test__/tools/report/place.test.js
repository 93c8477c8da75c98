'use strict';
// tier: tools

// The code around a line in the page, of elements that know their tag and their children alone.

const test = require('ava');

/** A place of plain objects for elements. */
class Element {
  children = [];
  attributes = {};

  constructor(tag) {
    this.tag = tag;
  }

  append(...children) {
    this.children.push(...children);
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  /** The texts of all elements of a tag below. */
  textsOf(tag) {
    return this.children
      .filter((child) => child instanceof Element)
      .flatMap((child) => [...(child.tag === tag ? [child.text] : []), ...child.textsOf(tag)]);
  }

  get text() {
    return this.children.map((child) => (child instanceof Element ? child.text : child)).join('');
  }
}

test.before('load the page’s module', async (t) => {
  globalThis.document = { createElementNS: (_, tag) => new Element(tag) };
  globalThis.matchMedia = () => ({ addEventListener() {} });
  t.context.place = await import('../../../tools/report/page/place.mjs');
});

const lineOf = (changed) => ({
  path: 'rows.js',
  line: 12,
  code: { first: 11, lines: ['function parse() {', '  return Buffer.alloc(8);', '}'], changed },
});

test('the line is marked in its code', (t) => {
  const shown = t.context.place.snippet(lineOf(false));
  t.deepEqual(shown.textsOf('mark'), ['  return Buffer.alloc(8);']);
  t.is(shown.attributes['aria-label'], 'rows.js, around line 12');
  t.is(t.context.place.codeOf(lineOf(false)).text, 'return Buffer.alloc(8);');
});

test('no line is marked of a source that changed since it was recorded, and that is said', (t) => {
  const { snippet, codeOf } = t.context.place;
  const shown = snippet(lineOf(true));
  t.deepEqual(shown.textsOf('mark'), []);
  t.regex(shown.textsOf('p')[0], /^rows\.js has changed since this was recorded/);
  t.is(codeOf(lineOf(true)), undefined);
});
