// How a line of source is named and shown.

import { h } from './dom.mjs';

/** `rows.js:12`, or the label of something without a line. */
export const nameOf = ({ path, line, label, routes }) =>
  path === undefined
    ? `${label}${routes.length === 1 ? ` of ${routes[0]}` : ''}`
    : `${path}:${line}`;

/** The package of a line, such as `multer` or `@fastify/multipart`, from the last node_modules in its path. Only ralloc may be outside of one. */
export const packageOf = ({ path }) =>
  /.*node_modules\/(@[^/]+\/[^/]+|[^/]+)/.exec(path)?.[1] ?? 'ralloc';

/** `parseRow()` */
export const functionOf = ({ path, function: name }) =>
  path === undefined ? undefined : calledOf(name);

export const calledOf = (name) => (name && !name.startsWith('(') ? `${name}()` : '(anonymous)');

/** Lets the browser break a path after each slash. */
export const breakable = (text) => text.split(/(?<=[/:])/).flatMap((part) => [part, h('wbr')]);

/** The line's code; undefined if the source was changed since, because another line may be there now. */
export function codeOf({ code, line }) {
  if (code?.changed) return undefined;
  const text = code?.lines[line - code.first]?.trim();
  return text && h('code.source', { title: text }, text);
}

/** The code around a line, with the line marked, if the source is the one that ran. `around`: how many lines before and after. */
export function snippet({ code, line, path }, around = Infinity) {
  if (code === undefined) return undefined;
  const rows = code.lines
    .map((text, index) => ({ text, number: code.first + index }))
    .filter(({ number }) => Math.abs(number - line) <= around)
    .map(({ text, number }) => {
      const marked = !code.changed && number === line;
      const row = h(
        marked ? 'span.row.marked' : 'span.row',
        h('span.number', { 'aria-hidden': 'true' }, String(number)),
        h(marked ? 'mark' : 'span', text || ' '),
        '\n',
      );
      return row;
    });
  const label = `${path}, around line ${line}`;
  const shown = h('pre.code', { tabindex: 0, role: 'group', 'aria-label': label }, h('code', rows));
  if (!code.changed) return shown;
  return h(
    'div',
    shown,
    h(
      'p.note',
      `${path} has changed since this was recorded: line ${line} of then may stand elsewhere, and none is marked.`,
    ),
  );
}

/** Paths of Windows are case-insensitive. */
const keyOf = (path) => (/^[a-z]:/i.test(path) ? path.toLowerCase() : path);

/** A path relative to the application's folder, or from node_modules on. */
export function shorten(file, folder) {
  const plain = file.replaceAll('\\', '/');
  const below = folder?.replaceAll('\\', '/').replace(/\/?$/, '/');
  if (below !== undefined && keyOf(plain).startsWith(keyOf(below)))
    return plain.slice(below.length);
  const modules = plain.lastIndexOf('node_modules/');
  return modules === -1 ? plain : plain.slice(modules);
}
