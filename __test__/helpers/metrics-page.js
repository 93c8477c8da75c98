'use strict';

// Pages of metrics, as others read them.

const { spawnSync } = require('node:child_process');
const { promtool, pythonClient } = require('./readers.js');

/** `name{labels}` → number, of a page that is right. */
function seriesOf(text) {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => {
      const end = line.lastIndexOf(' ');
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

const PROGRAM = `
import json, sys
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser
parse = (openmetrics if sys.argv[1] == 'open' else parser).text_string_to_metric_families
families = list(parse(sys.stdin.read()))
print(json.dumps([[f.name, f.type, [[s.name, s.labels, s.value] for s in f.samples]] for f in families]))
`;

/** Families as Python's prometheus_client has them: [name, type, [[name, labels, value]]]. */
function readByPython(input, isOpen) {
  const args = ['-c', PROGRAM, isOpen ? 'open' : 'text'];
  const env = { ...process.env, PYTHONPATH: pythonClient };
  const python = process.platform === 'win32' ? 'python' : 'python3';
  const { stdout, stderr } = spawnSync(python, args, { input, env, encoding: 'utf8' });
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

/** What promtool has against a page, '' if nothing. */
function checkByPromtool(input) {
  const { stdout, stderr, status } = spawnSync(promtool, ['check', 'metrics'], {
    input,
    encoding: 'utf8',
  });
  return status === 0 ? stdout + stderr : `${stdout}${stderr} (${status})`;
}

module.exports = { checkByPromtool, readByPython, seriesOf };
