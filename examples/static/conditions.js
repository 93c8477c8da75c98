'use strict';

// What a request asks of a file by its headers: RFC 9110, sections 13 and 14.

/** A weak comparison is enough for If-None-Match; If-Range wants a strong one, and tags here are strong. */
const bare = (tag) => tag.trim().replace(/^W\//, '');

/** Whether the client has the file as it is. */
function isFresh({ 'if-none-match': tags, 'if-modified-since': since }, { tag, modified }) {
  if (tags !== undefined) {
    return tags.trim() === '*' || tags.split(',').some((one) => bare(one) === tag);
  }
  // Dates have no milliseconds. What is no date is not to be heeded: every comparison with NaN is false.
  return since !== undefined && Math.floor(modified / 1000) * 1000 <= Date.parse(since);
}

/**
 * The part of a file of `size` bytes that is asked for: `{ start, end }`, both of it; null for all of it; undefined where no byte of the file is asked
 * for. More than one range, and what is no range of bytes, may be answered with all of it.
 */
function rangeOf({ range, 'if-range': condition }, { size, tag, modified }) {
  const match = /^bytes=(\d*)-(\d*)$/.exec(range?.trim() ?? '');
  if (match === null || (match[1] === '' && match[2] === '')) return null;
  if (condition !== undefined && condition.trim() !== tag) {
    if (Math.floor(modified / 1000) * 1000 !== Date.parse(condition)) return null;
  }
  const [first, last] = [match[1], match[2]];
  if (first === '') return suffix(Number(last), size);
  const [start, end] = [Number(first), last === '' ? size - 1 : Number(last)];
  if (last !== '' && end < start) return null;
  return start < size ? { start, end: Math.min(end, size - 1) } : undefined;
}

const suffix = (length, size) =>
  length > 0 && size > 0 ? { start: Math.max(0, size - length), end: size - 1 } : undefined;

module.exports = { isFresh, rangeOf };
