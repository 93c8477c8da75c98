'use strict';

// The edits that a table asks for when files are loaded: `perRequest.allocUnsafe(n)` in the place
// of `Buffer.allocUnsafe(n)`, by a name that is as long as `Buffer`. So each line and column stays
// what it is, and so do source maps.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { fileFault, fileKey } = require('../../../lib/base/file-names.js');
const { rootOf, nameIn } = require('../../../lib/site/table-file.js');
const { isOutside, packageOf } = require('../packages.js');
const { isProved } = require('../proofs.js');

const MOST_SITES = 36 ** 3;

/** A name such as `$ra00f`, with six characters like `Buffer`. */
const nameOf = (index) => `$ra${index.toString(36).padStart(3, '0')}`;

const CALL = /^Buffer\s*\.\s*(\w+)$/;

/** Why the options leave a site unchanged; the same for a trial and for `ralloc apply`. */
function whyByOptions({ source, mostly }, { isAlloc, isAnySize }) {
  if (source === 'Buffer.alloc' && !isAlloc) return 'Buffer.alloc is changed with --alloc alone';
  if (!isAnySize && mostly <= Buffer.poolSize >>> 1) {
    return `most of its Buffers have ${mostly} bytes or less, for which Node has a pool`;
  }
  return undefined;
}

/**
 * Why the table or the options leave a site unchanged. `isChanged`: the file has changed since bake
 * examined it, so follow.js examines it.
 */
function whyOf(site, options, isChanged) {
  const { source, callee, edit } = site;
  if (edit === undefined) return 'the table does not say that its call may be changed. Bake again';
  if (edit !== true && !isChanged()) return edit;
  if (`Buffer.${CALL.exec(callee)?.[1]}` !== source) return `it is not written as ${source}(…)`;
  return whyByOptions(site, options);
}

/**
 * Why a file stays unchanged: it belongs to a package that was not named, or is outside of `root`.
 */
function whyNotOwn(root, file, packages) {
  const owner = packageOf(file);
  if (owner !== undefined && !packages.includes(owner)) {
    return `it is of the package ${owner}. To change it: --package ${owner}`;
  }
  if (owner !== undefined || !isOutside(nameIn(root, file))) return undefined;
  return `it is outside of ${root}, the application of the table`;
}

/** Whether the text of a file has another hash than `sha256`. */
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
    // Denied for a folder above, which Node itself does not check.
    if (error.code === 'ERR_ACCESS_DENIED') return { real: file };
    return {
      why:
        error.code === 'ENOENT'
          ? 'there is no such file any more. Bake again'
          : `it cannot be read: ${fileFault(error)}`,
    };
  }
}

/** Examines a file of a table: `{ real, why }`. */
function lookAt(root, file, packages) {
  const why = whyNotOwn(root, file, packages);
  if (why !== undefined) return { why };
  const { real, why: unread } = realOf(file);
  if (unread !== undefined) return { why: unread };
  return { real, why: whyNotOwn(realOf(root).real ?? root, real, packages) };
}

/**
 * Returns `{ sites, files }` for a table in `folder`. `sites`: those that are proved to die with
 * their request (with `isSuggested`, the suggested ones too), each `{ key, name, why, file }`.
 * `name`: that of its file; `why`: why it stays unchanged; `file`: the number of its file, if it
 * changes.
 * `files`: key of the real path -> `{ number, sha256, edits }` for each file that changes. `edits`:
 * `{ site, name, offset, callee, ... }`, which name to insert at which offset, and the rest of the
 * table's entry.
 */
function editsOf(table, { folder, packages, isSuggested, ...options }) {
  const root = rootOf(folder);
  const looked = new Map(); // file -> lookAt()
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
    if (others.some((edit) => edit.offset === offset)) continue; // a table that was changed by hand has it twice
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
