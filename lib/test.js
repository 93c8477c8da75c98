'use strict';

// `ralloc/test`: for tests of programs that use ralloc.

require('./debug/debug.js');
const { noLeaks } = require('./debug/leaks/no-leaks.js');

module.exports = { noLeaks };
