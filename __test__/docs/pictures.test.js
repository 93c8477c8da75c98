'use strict';
// tier: tools

// The pictures of the documents are what scripts/pictures.js makes.

const fs = require('node:fs');
const path = require('node:path');
const test = require('ava');
const { pictures } = require('../../scripts/pictures.js');
const { isWellFormed } = require('../helpers/demo.js');

const root = path.join(__dirname, '..', '..');

for (const [file, text] of pictures()) {
  test(`${file} is drawn by its script`, (t) => {
    t.true(isWellFormed(text));
    t.is(fs.readFileSync(path.join(root, file), 'utf8'), text);
  });
}
