'use strict';

// `ralloc/test`: for tests of programs that use ralloc.

require('./debug/debug.js');
const { observing } = require('./base/observer.js');
const { noLeaks } = require('./debug/leaks/no-leaks.js');

observing.isTesting = true;

module.exports = { noLeaks };
