'use strict';

// Which tests run where. Each test file says its tier in a comment at its head:
// `// tier: run-time` or `// tier: tools`, and `, differs` where the result can depend on Node's
// version or on the backend, or `, differs by Node` where it depends on the version alone;
// `// tier: soak`. `, long` in the end is for isLong(). CONTRIBUTING.md says what they are.

const fs = require('node:fs');
const path = require('node:path');
const { listFiles } = require('./files.js');

const TIERS = ['run-time', 'tools', 'soak'];
const LINE = /^\/\/ tier: ([a-z-]+)(, differs(?: by Node)?)?(?:, long)?$/m;

/** `{ tier, differs }`, here and now, or null where the source says nothing that is right. */
function tierOf(source) {
  const [, tier, differs] = LINE.exec(source) ?? [];
  if (!TIERS.includes(tier) || (differs && tier === 'soak')) return null;
  const isHere = process.env.RALLOC_BACKEND === 'js' ? differs === ', differs' : Boolean(differs);
  return { tier, differs: isHere };
}

/** Whether a test file is one of those that take longest: random loads, and what says so in its line of the tier. */
const isLong = (source) => /^\/\/ tier: .*, long$|\bbudget\(/m.test(source);

const testFiles = (root) => listFiles(root).filter((file) => /^__test__\/.*\.test\.js$/.test(file));

/** The files of a tier, or of `all`; only those that differ, if that is asked for. */
function filesOf(root, tier, onlyDiffers) {
  return testFiles(root).filter((file) => {
    const said = tierOf(fs.readFileSync(path.join(root, file), 'utf8'));
    return (
      said !== null && (tier === 'all' || said.tier === tier) && (!onlyDiffers || said.differs)
    );
  });
}

module.exports = { TIERS, filesOf, isLong, testFiles, tierOf };
