'use strict';

/** For messages: `the slab 'frames'`, or `a slab` if it has no name. */
function named(kind, name) {
  if (name !== '') return `the ${kind} '${name}'`;
  return `${kind === 'arena' ? 'an' : 'a'} ${kind}`;
}

const MOST_OF_PATH = 200; // characters

/**
 * For messages: `GET /path`. Without the query, which may contain secrets, and the host in the URL
 * of a web Request.
 */
function requestName({ method, url, originalUrl = url }) {
  const [whole] = String(originalUrl).split('?', 1);
  const path = whole.replace(/^\w+:\/\/[^/]*/, '').slice(0, MOST_OF_PATH);
  return `${method} ${path}`;
}

/** For messages: `the response to GET /path`, or for a client's request `the request GET /path`. */
function messageName({ req, method, path }) {
  if (req === undefined) return `the request ${requestName({ method, url: path })}`;
  return `the response to ${requestName(req)}`;
}

module.exports = { messageName, named, requestName };
