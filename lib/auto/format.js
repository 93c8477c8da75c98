'use strict';

// Formats numbers for summaries: `1,234`, and `1 file` or `2 files`.

const whole = (number) => number.toLocaleString('en-US');
const counted = (number, noun) => `${whole(number)} ${noun}${number === 1 ? '' : 's'}`;

module.exports = { counted, whole };
