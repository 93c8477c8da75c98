'use strict';

// `ralloc/profile`, which is loaded before the application: `node --import ralloc/profile app.js`, and by `ralloc profile`.

require('./launch.js').launch();
