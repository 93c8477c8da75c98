'use strict';

// What stands for a database here: lines of a log, `number TAB level TAB milliseconds TAB message`, as the bytes that a driver would have read
// from its socket. A level is the index of its name.

const LINES = 8192;
const LEVELS = ['debug', 'info', 'warning', 'error'];
const WORDS =
  'accepted cache client closed connection deadline entry failed found index key late lease limit of page queue read retried row shard slow table the timeout to was worker written';

const words = WORDS.split(' ');

/** The same lines in each process. */
function make() {
  let state = 1;
  const draw = (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const message = () =>
    Array.from({ length: 10 + draw(120) }, () => words[draw(words.length)]).join(' ');
  const line = (_, number) => `${number}\t${draw(LEVELS.length)}\t${draw(1e6)}\t${message()}\n`;
  return Array.from({ length: LINES }, line);
}

const lines = make();
const starts = new Uint32Array(LINES);
for (let i = 1; i < LINES; i++) starts[i] = starts[i - 1] + lines[i - 1].length;

/** All of them, one after another; after the last comes the first. */
const text = Buffer.from(lines.join(''), 'latin1');

/** Where the lines of a page begin in `text`. */
const startOf = (page) => starts[(page * 37) % LINES];

module.exports = { LEVELS, startOf, text };
