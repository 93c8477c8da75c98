'use strict';

// The page of a report: one file that contains everything and loads nothing.

const { createHash } = require('node:crypto');
const { compare } = require('./compare.js');

/** Limits of a page that a browser opens quickly. --json has the rest. */
const MOST_LINES = 500;
const MOST_STACKS = 12;

const escapeText = (text) =>
  text.replace(
    /[&<>"]/g,
    (one) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[one],
  );

/** JSON for a script element: a `</script>` in a file name or in code cannot end it. */
const escapeJson = (value) => JSON.stringify(value).replaceAll('<', '\\u003c');

const hashOf = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** The part of a report that the page shows: the lines with the most bytes, and those with a finding. */
function shown(model, name) {
  const found = new Set(model.findings.map(({ line }) => line));
  const isShown = ({ key }, index) => index < MOST_LINES || found.has(key);
  const others = model.lines.filter((line, index) => !isShown(line, index));
  return {
    ...model,
    name,
    lines: model.lines.filter(isShown).map((line) => ({
      ...line.describe(),
      stacks: line.stacks.slice(0, MOST_STACKS),
      moreStacks: Math.max(0, line.stacks.length - MOST_STACKS),
    })),
    moreLines: others.length,
    moreBytes: others.reduce((sum, { bytes }) => sum + bytes, 0),
    moreLive: others.reduce((sum, { live }) => sum + live, 0),
  };
}

function dataOf({ before, after }) {
  const data = { after: shown(after.model, after.name) };
  if (before === undefined) return data;
  const { flame, ...rest } = shown(before.model, before.name);
  const comparison = compare(before.model, after.model);
  return {
    ...data,
    before: { ...rest, lines: [] },
    comparison: { rows: comparison.rows.slice(0, MOST_LINES) },
  };
}

/**
 * @param {{ after: { model: object, name: string }, before?: { model: object, name: string }, assets: { script: string, style: string, licences: string } }} contents `assets`: what scripts/bundle.js makes of page/
 * @returns {string} HTML
 */
function pageOf({ after, before, assets }) {
  const title = after.model.title.join(', ') || after.name;
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(assets.script)}`,
    `style-src ${hashOf(assets.style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="ralloc report">
<title>Buffer profile: ${escapeText(title)}</title>
<link rel="icon" href="data:,">
<style>${assets.style}</style>
</head>
<body>
<a class="skip" href="#main">To the findings</a>
<div id="page"><noscript>This report needs JavaScript, which it has within it: it loads nothing.</noscript></div>
<script type="application/json" id="data">${escapeJson(dataOf({ before, after }))}</script>
<script type="text/plain" id="licences">${assets.licences.replaceAll('<', '&lt;')}</script>
<script>${assets.script}</script>
</body>
</html>
`;
}

module.exports = { pageOf };
