'use strict';

// Every function that can be reached from Node's modules and globals that work with Buffers, to see which ones
// were replaced.

const fs = require('node:fs');
const { isDeepStrictEqual } = require('node:util');

const MODULES =
  'buffer child_process crypto dgram fs fs/promises http http2 https net stream stream/consumers stream/promises stream/web tls worker_threads zlib';
const GLOBALS =
  'Blob Buffer CompressionStream FormData ReadableStream Request Response TransformStream WebSocket WritableStream fetch structuredClone';

/** Objects that no module exports. */
async function hidden() {
  const handle = await fs.promises.open(__filename);
  await handle.close();
  const stream = new ReadableStream();
  return {
    FileHandle: Object.getPrototypeOf(handle),
    reader: Object.getPrototypeOf(stream.getReader()),
    writer: Object.getPrototypeOf(new WritableStream().getWriter()),
  };
}

async function roots() {
  const modules = MODULES.split(' ').map((name) => [name, require(`node:${name}`)]);
  const globals = GLOBALS.split(' ').map((name) => [name, globalThis[name]]);
  return [...modules, ...globals, ...Object.entries(await hidden())].filter(([, value]) =>
    isObject(value),
  );
}

const isObject = (value) =>
  typeof value === 'function' || (typeof value === 'object' && value !== null);

/** [where, function], each once for every place where it is. */
async function functionsOfNode() {
  const found = [];
  const seen = new Set([globalThis, process]);
  const queue = await roots();
  const add = (path, value) => {
    if (isObject(value)) queue.push([path, value]);
  };
  for (const [path, value] of queue) {
    if (typeof value === 'function') found.push([path, value]);
    if (seen.has(value)) continue;
    seen.add(value);
    add(`${path}.__proto__`, Object.getPrototypeOf(value));
    for (const key of Reflect.ownKeys(value)) {
      if (key === 'constructor') continue;
      const { value: own, get, set } = Object.getOwnPropertyDescriptor(value, key);
      if (get === undefined && set === undefined && !isObject(own)) continue;
      const name = `${path}.${String(key)}`;
      add(name, own);
      add(`${name} get`, get);
      add(`${name} set`, set);
    }
  }
  return found;
}

/** What a function looks like from outside. */
const looks = (value) => {
  if (value === undefined) return undefined;
  const descriptors = Object.getOwnPropertyDescriptors(value);
  return Reflect.ownKeys(descriptors)
    .filter((key) => key !== 'prototype')
    .map((key) => [key, descriptors[key]]);
};

/** Compares two results of functionsOfNode(): names of those that were replaced, and of those that look different since. */
function compare(before, after) {
  const now = new Map(after);
  const replaced = before.filter(([path, value]) => now.get(path) !== value);
  const different = replaced.filter(
    ([path, value]) => !isDeepStrictEqual(looks(now.get(path)), looks(value)),
  );
  const names = (list) => list.map(([path]) => path);
  return { count: before.length, replaced: names(replaced), different: names(different) };
}

module.exports = { functionsOfNode, compare };
