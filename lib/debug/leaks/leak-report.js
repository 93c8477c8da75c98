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

/** `says`: the first line of a group; `place`: the heading of its stack. */
const PARTS = {
  groups: {
    title: 'Buffers of slabs and regions that are not freed',
    says: buffers,
    place: 'allocated at',
  },
  holds: { title: 'Holds that are not released', says: hold, place: 'taken at' },
  open: { title: 'Arenas, slabs and regions that are not closed', says: thing, place: 'made at' },
  requests: {
    title: 'Buffers of requests that have had their arena for longer than "warnAfterMs"',
    says: buffers,
    place: 'allocated at',
  },
};

function textOf(group, { says, place }) {
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
      .map(([name, part]) =>
        [`${part.title}:`, ...this[name].map((group) => textOf(group, part))].join('\n'),
      );
    return `${parts.length === 0 ? 'Nothing is left' : parts.join('\n')}${this.#chance}`;
  }

  [inspect.custom]() {
    return `LeakReport\n${this}`;
  }
}

module.exports = { LeakReport };
