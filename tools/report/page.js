'use strict';

// The page of a report: one file that contains everything and loads nothing.

const { createHash } = require('node:crypto');
const { compare } = require('./compare.js');

/** Limits of a page that a browser opens quickly. --json has the rest. */
const MOST_LINES = 500;
const MOST_STACKS = 12;

const escapeText = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** JSON for a script element: a `</script>` in a file name or in code cannot end it. */
const escapeJson = (value) => JSON.stringify(value).replaceAll('<', '\\u003c');

const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/**
 * The part of a report that the page shows: the lines with the most bytes, and those with a
 * finding.
 */
function shown({ model, name }) {
  const found = new Set(model.findings.map(({ line }) => line));
  const isShown = ({ key }, index) => index < MOST_LINES || found.has(key);
  const others = model.lines.filter((line, index) => !isShown(line, index));
  const sumOf = (figure) => others.reduce((sum, line) => sum + line[figure], 0);
  return {
    ...{ ...model, name, whole: described(model.whole) },
    lines: model.lines.filter(isShown).map(described),
    ...{ moreLines: others.length, moreBytes: sumOf('bytes'), moreLive: sumOf('live') },
  };
}

/** A line as plain data, with its figures. */
function described(line) {
  const stacks = line.stacks.slice(0, MOST_STACKS);
  const all = { moreStacks: line.stacks.length - stacks.length };
  for (const name in line) all[name] = line[name]; // the figures are inherited
  return { ...all, stacks, totals: undefined };
}

function comparisonOf(before, after) {
  const rows = compare(before.model, after.model).rows.slice(0, MOST_LINES);
  return { before: { ...shown(before), flame: undefined, lines: [] }, comparison: { rows } };
}

/**
 * The HTML of a report, or of two; each is `{ model, name }`. `assets`: what scripts/bundle.js
 * makes of page/.
 */
function pageOf({ after, before, assets }) {
  const data = { after: shown(after), ...(before && comparisonOf(before, after)) };
  const title = escapeText(after.model.title.join(', ') || after.name);
  const own = `script-src ${hashOf(assets.script)}; style-src ${hashOf(assets.style)}`;
  const policy = `default-src 'none'; ${own}; img-src data:; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="ralloc report">
<title>Buffer profile: ${title}</title>
<link rel="icon" href="data:,">
<style>${assets.style}</style>
</head>
<body>
<a class="skip" href="#main">To the findings</a>
<div id="page"><noscript>This report needs JavaScript, which it has within it: it loads nothing.</noscript></div>
<script type="application/json" id="data">${escapeJson(data)}</script>
<script type="text/plain" id="licences">${escapeText(assets.licences)}</script>
<script>${assets.script}</script>
</body>
</html>
`;
}

module.exports = { pageOf };
