'use strict';

// node scripts/cli-page.js: writes docs/reference/cli.md, which is what `ralloc help` prints, verb
// by verb. A test compares the two.

const fs = require('node:fs');
const path = require('node:path');
const { VERBS, help } = require('../tools/cli/index.js');
const { program } = require('./lib/program.js');

const FILE = path.join(__dirname, '..', 'docs', 'reference', 'cli.md');

const block = (text) => `\`\`\`text\n${text.trim()}\n\`\`\``;

/** The page, without the version of this ralloc. */
function page() {
  const verbs = Object.entries(VERBS).map(([name, load]) => [name, load().usage]);
  return `${[
    '# The command line',
    'Each verb with its options and exit codes, as `npx ralloc help VERB` prints them. `node scripts/cli-page.js` writes this page.',
    block(help(VERBS).replace(/^.*\n/, '')),
    ...verbs.flatMap(([name, usage]) => [`## ralloc ${name}`, block(usage)]),
  ].join('\n\n')}\n`;
}

if (require.main === module) program(() => fs.writeFileSync(FILE, page()));

module.exports = { page };
