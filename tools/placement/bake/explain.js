'use strict';

// Explains why a site of a table got its memory.

const { formatBytes } = require('../../../lib/base/bytes.js');

const whole = (number) => number.toLocaleString('en-US');

/** The text for each rule of docs/reference/table.md. */
const WHY = {
  'few-samples': ({ samples }) => `only ${whole(samples)} samples, and 30 say something`,
  moves: () => 'more than 0.1 % of its bytes went to another thread or ArrayBuffer',
  'with-request': ({ samples, exceptions }) =>
    exceptions === 0
      ? `of ${whole(samples)} samples none outlived its request`
      : `of ${whole(samples)} samples ${whole(exceptions)} outlived their request, less than 0.1 % of the bytes`,
  repeats: () =>
    'a request has several times its largest Buffer of it, all of which an arena would keep to its end',
  'never-ends': () =>
    'less than 10 % of its bytes had ended with the recording: they grow, or live longer',
  long: () => 'half of its bytes or more lived 8 s or longer',
  'medium-alike': () => 'its bytes lived shorter than 8 s, and have one or two sizes',
  'medium-mixed': () => 'its bytes lived shorter than 8 s, and have many sizes',
};

/** Lines of text about a site of a table: what it got and why, and the same of each of its sizes that belong elsewhere. */
function explain(site) {
  const { name, file, line, column, function: caller, callee, sizes = [] } = site;
  const place =
    name === undefined ? `${file}:${line}:${column} ${caller}: ${callee}` : `site('${name}')`;
  const told = (where, one) => {
    const proof = one.strategy === 'leave' ? '' : `, ${one.certainty}`;
    return `${where}: ${one.strategy}${proof}: ${WHY[one.reason](one)}`;
  };
  const ofSize = ({ size }) => `${place}, ${formatBytes(size / 2)} to ${formatBytes(size)}`;
  return [told(place, site), ...sizes.map((one) => told(ofSize(one), one))];
}

module.exports = { explain };
