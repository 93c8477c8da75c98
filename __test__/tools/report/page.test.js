'use strict';
// tier: tools

// The page as a file: everything is in it, nothing of a profile can run, and it stays small.

const test = require('ava');
const { createHash } = require('node:crypto');
const { pageOf } = require('../../../tools/report/page.js');
const { recording, reportOf: modelOf, site } = require('../../helpers/recorded.js');
const { service } = require('../../helpers/service.js');

const assets = { script: 'start();', style: 'body{}', licences: 'MIT <me@example.test>' };

const reportOf = (blocks, name = 'app.jsonl') => ({ name, model: modelOf(blocks) });

const dataOf = (html) =>
  JSON.parse(/<script type="application\/json" id="data">(.*?)<\/script>/s.exec(html)[1]);

test('its policy allows its own script and style, and nothing else', (t) => {
  const html = pageOf({ after: reportOf(service()), assets });
  const [, policy] = /Content-Security-Policy" content="([^"]+)"/.exec(html);
  const hash = (text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  t.deepEqual(policy.split('; '), [
    "default-src 'none'",
    `script-src ${hash(assets.script)}`,
    `style-src ${hash(assets.style)}`,
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
  ]);
});

test('names of an application, whatever they are, are data', (t) => {
  const name = '</script><script>alert(1)</script><!--';
  const behaviours = [
    {
      site: site('Buffer.alloc', [`${name.replaceAll(' ', '')} /a/${name}.js:1:1`], name),
      size: 10,
      perSecond: 10_000,
    },
  ];
  const [first, ...rest] = recording({ behaviours });
  first.recorder.title = name;
  const html = pageOf({ after: reportOf([first, ...rest]), assets });
  t.is(html.match(/<\/script>/g).length, 3);
  t.false(html.includes('<script>alert'));
  t.false(html.includes('<!--'));
  const [line] = dataOf(html).after.lines;
  t.is(line.function, name);
  t.deepEqual(line.routes, [name]);
});

test('of a large profile the costliest 500 lines are shown, and how many are not', (t) => {
  const behaviours = Array.from({ length: 700 }, (_, index) => ({
    site: site('Buffer.alloc', [`f${index} /a/b.js:${index + 1}:1`]),
    size: 100,
    perSecond: 10_000 + index,
  }));
  const { after } = dataOf(
    pageOf({ after: reportOf(recording({ behaviours, seconds: 4 })), assets }),
  );
  t.is(after.lines.length, 500);
  t.is(after.moreLines, 200);
  t.is(after.lines[0].function, 'f699');
});

test('a line that is reached by many stacks shows the dozen with the most bytes', (t) => {
  const behaviours = Array.from({ length: 40 }, (_, index) => ({
    site: site('Buffer.alloc', ['f /a/b.js:1:1', `caller${index} /a/b.js:9:${index + 1}`]),
    size: 100,
    perSecond: 10_000 + index,
  }));
  const { after } = dataOf(
    pageOf({ after: reportOf(recording({ behaviours, seconds: 4 })), assets }),
  );
  t.is(after.lines.length, 1);
  t.is(after.lines[0].stacks.length, 12);
  t.is(after.lines[0].moreStacks, 28);
  t.is(after.lines[0].stacks[0].stack[1].function, 'caller39');
});

test('of two profiles it has the comparison', (t) => {
  const [before, after] = [reportOf(service({ leak: 100 }), 'a'), reportOf(service(), 'b')];
  const data = dataOf(pageOf({ before, after, assets }));
  t.is(data.before.name, 'a');
  t.is(data.comparison.rows.length, 9);
});
