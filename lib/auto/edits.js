'use strict';

// The edits that a table asks for when files are loaded: `perRequest.allocUnsafe(n)` in the place of `Buffer.allocUnsafe(n)`, by a name that is as long as
// `Buffer`. So each line and column stays what it is, and so do source maps.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { fileKey } = require('../base/file-key.js');
const { rootOf } = require('../site/application.js');
const { isOutside, packageOf } = require('./packages.js');
const { isProved } = require('./proofs.js');
const { nameIn } = require('../site/table-file.js');

const MOST_SITES = 36 ** 3;

/** `$ra00f`: six characters, as Buffer has. */
const nameOf = (index) => `$ra${index.toString(36).padStart(3, '0')}`;

const CALL = /^Buffer\s*\.\s*(\w+)$/;

/** Why a site stays as it is, by the options: the same for a trial and for `ralloc apply`. */
function whyByOptions({ source, mostly }, { isAlloc, isAnySize }) {
  if (source === 'Buffer.alloc' && !isAlloc) return 'Buffer.alloc is changed with --alloc alone';
  if (!isAnySize && mostly <= Buffer.poolSize >>> 1) {
    return `most of its Buffers have ${mostly} bytes or less, for which Node has a pool`;
  }
  return undefined;
}

/** Why a site stays as it is, by the table and the options. `isChanged`: the text that bake looked at is not the one of now, which follow.js looks at. */
function whyOf(site, options, isChanged) {
  const { source, callee, edit } = site;
  if (edit === undefined) return 'the table does not say that its call may be changed. Bake again';
  if (edit !== true && !isChanged()) return edit;
  if (`Buffer.${CALL.exec(callee)?.[1]}` !== source) return `it is not written as ${source}(…)`;
  return whyByOptions(site, options);
}

/** Why a file stays as it is: of a package that nobody named, or outside of `root`. */
function whyNotOwn(root, file, packages) {
  const owner = packageOf(file);
  if (owner !== undefined && !packages.includes(owner)) {
    return `it is of the package ${owner}. To change it: --package ${owner}`;
  }
  if (owner !== undefined || !isOutside(nameIn(root, file))) return undefined;
  return `it is outside of ${root}, the application of the table`;
}

/** Whether the text of a file is another one than that of this hash. */
function isOther(real, sha256) {
  try {
    return createHash('sha256').update(fs.readFileSync(real)).digest('hex') !== sha256;
  } catch {
    return false;
  }
}

function realOf(file) {
  try {
    return { real: fs.realpathSync(file) };
  } catch (error) {
    // Of folders above, which Node does not ask for.
    if (error.code === 'ERR_ACCESS_DENIED') return { real: file };
    return {
      why:
        error.code === 'ENOENT'
          ? 'there is no such file any more. Bake again'
          : `it cannot be read: ${error.message}`,
    };
  }
}

/** `{ real, why }` of a file of a table. */
function lookAt(root, file, packages) {
  const why = whyNotOwn(root, file, packages);
  if (why !== undefined) return { why };
  const { real, why: unread } = realOf(file);
  if (unread !== undefined) return { why: unread };
  return { real, why: whyNotOwn(realOf(root).real ?? root, real, packages) };
}

/**
 * `{ sites, files }` of a table that stands in `folder`. `sites`: those that are proved to die with their request, and where `isSuggested` the others of requests too, `{ key, name, why, file }`, name: of its file; why: why it stays as it is;
 * file: the number of its file, where it changes.
 * `files`: key of the real path → `{ number, sha256, edits }` of those that change, and edits: `{ site, name, offset, callee, … }`, where in the text which name is to be put, and what else
 * the table says of the place.
 */
function editsOf(table, { folder, packages, isSuggested, ...options }) {
  const root = rootOf(folder);
  const looked = new Map(); // file → lookAt()
  const hashes = new Map(table.files.map(({ file, sha256 }) => [file, sha256]));
  const sites = [];
  const files = new Map();
  for (const site of table.sites) {
    if (site.strategy !== 'request' || !(isSuggested || isProved(site))) continue;
    const { file, line, column, function: of, offset, callee } = site;
    if (!looked.has(file)) {
      looked.set(file, lookAt(root, path.resolve(folder, file), packages));
    }
    const { real, why: whyFile } = looked.get(file);
    const number = sites.length;
    const isChanged = () => isOther(real, hashes.get(file));
    const why =
      whyFile ??
      whyOf(site, options, isChanged) ??
      (number < MOST_SITES ? undefined : 'there are too many');
    const key = real && fileKey(real);
    const others = files.get(key)?.edits ?? [];
    if (others.some((edit) => edit.offset === offset)) continue; // told twice, by hand
    sites.push({ key: `${file}:${line}:${column} ${of}`, name: file, why, file: undefined });
    if (why !== undefined) continue;
    if (!files.has(key)) {
      files.set(key, { number: files.size, sha256: hashes.get(file), edits: [] });
    }
    const { edits, number: fileNumber } = files.get(key);
    const { source, fingerprint } = site;
    const place = { offset, callee, line, column, source, fingerprint };
    edits.push({ site: number, name: nameOf(number), ...place });
    sites.at(-1).file = fileNumber;
  }
  for (const { edits } of files.values()) edits.sort((a, b) => a.offset - b.offset);
  return { sites, files };
}

module.exports = { editsOf, whyByOptions };
