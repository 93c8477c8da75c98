'use strict';

// GitHub's own parser of workflows, with the schema that its services and editors use. It imports JSON as only bundlers do, so it
// is bundled in memory.

const { buildSync } = require('esbuild');
const Module = require('node:module');

/** A function of a workflow's text and name: [{ line, message }], what its schema does not allow. */
function parserOf() {
  const { outputFiles } = buildSync({
    stdin: { contents: "export * from '@actions/workflow-parser'", resolveDir: __dirname },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
  });
  const bundle = new Module('workflow-parser');
  bundle._compile(outputFiles[0].text, 'workflow-parser.js');
  const { parseWorkflow, NoOperationTraceWriter } = bundle.exports;
  return (content, name) =>
    parseWorkflow({ name, content }, new NoOperationTraceWriter())
      .context.errors.getErrors()
      .map(({ rawMessage, range }) => ({ line: range?.start.line ?? 1, message: rawMessage }));
}

module.exports = { parserOf };
