const path = require('node:path');

/** Verdaccio's, as a file of YAML has it: everybody may read what is in `storage`. */
module.exports = (storage) => ({
  storage,
  configPath: path.join(storage, 'config.yaml'),
  auth: { htpasswd: { file: path.join(storage, 'htpasswd') } },
  packages: { '**': { access: '$all' } },
  log: { type: 'stdout', format: 'pretty', level: 'fatal' },
  web: { enable: false },
});
