'use strict';

// Loads debug mode where RALLOC_DEBUG is set, so that it sees what is allocated from the first
// Buffer on.

const { variable } = require('../base/environment.js');

if (variable('RALLOC_DEBUG')) require('./debug.js');
