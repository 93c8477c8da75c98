'use strict';

// Numbers as a summary says them.

const whole = (number) => number.toLocaleString('en-US');
const counted = (number, noun) => `${whole(number)} ${noun}${number === 1 ? '' : 's'}`;

module.exports = { counted, whole };
