'use strict';

const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** A folder of its own for a test. */
function folder(t) {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ralloc-'));
  t.teardown(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

module.exports = { folder };
