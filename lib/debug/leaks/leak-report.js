'use strict';

// The result of leakReport(), and as text.

const { inspect } = require('node:util');
const { formatBytes } = require('../../base/bytes.js');
const { count, time } = require('../report-kinds.js');

/** `3 Buffers (12 KiB) of the slab 'frames'` */
const buffers = (group) =>
  `${count(group.count, 'Buffer')} (${formatBytes(group.bytes)}) of ${group.of}`;
const hold = (group) => `${count(group.count, 'hold')} of ${group.of}`;
const thing = (group) => (group.count === 1 ? group.of : `${group.of}, ${group.count} times`);

/** Its heading, the first line of a group, and the heading of that one's stack. */
const PARTS = {
  groups: ['Buffers of slabs and regions that are not freed', buffers, 'allocated at'],
  holds: ['Holds that are not released', hold, 'taken at'],
  open: ['Arenas, slabs and regions that are not closed', thing, 'made at'],
  requests: [
    'Buffers of requests that have had their arena for longer than "warnAfterMs"',
    buffers,
    'allocated at',
  ],
};

function textOf(group, says, place) {
  const { age, allocated, request } = group;
  const forWhom = request === undefined ? '' : `, for ${request}`;
  const oldest = group.count === 1 ? 'for' : 'the oldest for';
  return `  ${says(group)}${forWhom}, ${oldest} ${time(age)}, ${place}\n${allocated}`;
}

const sum = (groups, name) => groups.reduce((total, group) => total + group[name], 0);

class LeakReport {
  #chance;

  constructor({ level, sampleEvery }, parts) {
    const { groups } = parts;
    this.count = sum(groups, 'count');
    this.bytes = sum(groups, 'bytes');
    Object.assign(this, parts);
    this.#chance =
      level === 'full'
        ? ''
        : `\nOf all allocations one in ${sampleEvery} is watched: there may be more`;
  }

  toString() {
    const parts = Object.entries(PARTS)
      .filter(([name]) => this[name].length > 0)
      .map(([name, [title, says, place]]) =>
        [`${title}:`, ...this[name].map((group) => textOf(group, says, place))].join('\n'),
      );
    return `${parts.length === 0 ? 'Nothing is left' : parts.join('\n')}${this.#chance}`;
  }

  [inspect.custom]() {
    return `LeakReport\n${this}`;
  }
}

module.exports = { LeakReport };
