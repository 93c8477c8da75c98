'use strict';

// `node --import ralloc/guard`: before any module takes functions out of Node's.

require('./install.js').install();
