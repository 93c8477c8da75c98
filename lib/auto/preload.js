'use strict';

// `ralloc/auto`, which is loaded before the application: `node --import ralloc/auto app.js`, and by
// `ralloc compare`.

const process = require('node:process');

/**
 * Warns that ralloc/auto cannot begin, for example because --permission forbids reading a file. The
 * program runs unchanged.
 */
function tellOff({ message }) {
  process.emitWarning(`ralloc/auto cannot begin, and changes nothing: ${message}`, {
    type: 'RallocWarning',
    code: 'RALLOC_TRIAL_OFF',
  });
}

try {
  require('./parts.js').start();
} catch (error) {
  tellOff(error);
}
