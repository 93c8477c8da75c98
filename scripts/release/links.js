'use strict';

// The links of a document, for readers who have it out of the npm package and not in the clone.

const fs = require('node:fs');
const path = require('node:path');
const { posix } = path;

/** Fenced blocks and spans of code, in which nothing is a link. */
const CODE = /(```[\s\S]*?```|`[^`\n]+`)/;

/**
 * `[text](target#heading)` and `src="target"`; not what names a scheme, nor a heading of the same
 * document.
 */
const LINK = /(\]\(|\b(?:src|srcset|href)=")(?![\w+.-]+:|#)([^\s)"#]+)/g;

/**
 * @param {string} text
 * @param {(target: string) => string} replace
 */
function replaceLinks(text, replace) {
  return text
    .split(CODE)
    .map((part, index) =>
      index % 2 === 1 ? part : part.replace(LINK, (_, before, target) => before + replace(target)),
    )
    .join('');
}

/** The names in types/ of what index.d.ts exports. */
const EXPORTED = [
  ...fs
    .readFileSync(path.join(__dirname, '..', '..', 'index.d.ts'), 'utf8')
    .matchAll(/^export \* from '\.\/types\/(\w+)\.js';$/gm),
].map(([, name]) => name);

/**
 * Entry points with functions of their own, which have a page too. Fastify's is a plugin without
 * any.
 */
const DOORS = ['express', 'http', 'koa', 'hono', 'nest', 'test'];
const PAGES = [...EXPORTED, ...DOORS];

/** The page of the reference (reference.js) of a file of types/, or undefined. */
function pageOf(file) {
  const name = PAGES.find((one) => file === `types/${one}.d.ts`);
  return name && `docs/reference/api/${name}.md`;
}

/**
 * Pictures are shown from the repository's own bytes: npm's page finds no relative ones, in
 * `srcset` least of all.
 */
const PICTURE = /\.(?:svg|png)$/;

/**
 * A document in which pictures, and links that lead out of the package, go to the repository, and
 * those to types to their page of the reference.
 *
 * @param {string} root the clone
 * @param {string} file the document, in the clone and in the package
 * @param {{ packed: (file: string) => boolean, web: string, version: string }} where
 */
function withLinks(root, file, { packed, web, version }) {
  return replaceLinks(fs.readFileSync(path.join(root, file), 'utf8'), (target) => {
    const folder = posix.dirname(file);
    const to = posix.join(folder, target);
    const page = pageOf(to);
    if (page !== undefined && file.startsWith('docs/')) return posix.relative(folder, page);
    if (packed(to)) return target;
    const stats = fs.statSync(path.join(root, to), { throwIfNoEntry: false });
    if (stats === undefined) throw new Error(`${file} has a link to ${target}, which is not there`);
    const kind = stats.isDirectory() ? 'tree' : PICTURE.test(to) ? 'raw' : 'blob';
    return `${web}/${kind}/v${version}/${to}`;
  });
}

module.exports = { PAGES, pageOf, replaceLinks, withLinks };
