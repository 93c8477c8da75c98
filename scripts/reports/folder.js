'use strict';

const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');

/** Where the servers of the reports run, with their packages. */
const HERE = path.join(ROOT, 'target', 'tools', 'reports');

module.exports = { HERE, ROOT };
