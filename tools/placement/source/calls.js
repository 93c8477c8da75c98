'use strict';

// The call of a site: whether it may be changed, by what its source says. Its arguments do not
// matter: perRequest takes what Buffer takes.

const { hazardOf, otherBuffer } = require('./hazards.js');
const { propertyOf } = require('./names.js');

/** The methods of Buffer that perRequest has too. */
const METHODS = new Set(['allocUnsafe', 'alloc', 'from', 'concat']);

/**
 * The largest part of a site's bytes that may be allocated where current() is undefined, so that
 * changing the site is still worth it.
 */
const MOST_LISTENED = 0.5;

/** Why a site's calls stay unchanged, whatever its file contains; undefined if the file decides. */
function whyNever({ source, callee, listened = 0 }) {
  if (listened > MOST_LISTENED) {
    return 'most of its calls are in listeners where current() is undefined. Bind these by AsyncResource.bind(), or allocate from req.arena';
  }
  if (/^[^.]*$/.test(callee)) return `it calls ${source}() as ${callee}(). Write ${source}(…)`;
  if (!source.startsWith('Buffer.')) return `${source} is no function of Buffer`;
  return source === 'Buffer.allocUnsafeSlow'
    ? 'allocUnsafeSlow() says that it is to live long'
    : undefined;
}

class Calls {
  #at = new Map();

  constructor(source, names, file) {
    const tell = (found) => found && `${found.why} in line ${file.lineOf(found.node.start)}`;
    /** Why nothing in the file may be changed; undefined if it may. */
    this.fault = tell(otherBuffer(source, names)) ?? tell(hazardOf(source));
    for (const node of source.nodes) {
      if (node.type !== 'CallExpression' || node.callee.type !== 'MemberExpression') continue;
      if (node.callee.object.name === 'Buffer') this.#at.set(node.callee.object.start, node);
    }
  }

  /** The call whose `Buffer` begins at `offset`. */
  at(offset) {
    return this.#at.get(offset);
  }

  /** Why the call of a site stays unchanged; undefined if it may be changed. */
  why({ offset, source }) {
    const call = this.at(offset);
    if (call === undefined) return `no call of ${source} stands there`;
    return this.fault ?? this.#whyOf(call, source);
  }

  #whyOf(node, source) {
    const { callee } = node;
    const name = propertyOf(callee);
    if (callee.computed || callee.optional || node.optional || source !== `Buffer.${name}`) {
      return `it is not written as ${source}(…)`;
    }
    return METHODS.has(name) ? undefined : `an arena has no ${name}()`;
  }
}

module.exports = { Calls, METHODS, whyNever };
