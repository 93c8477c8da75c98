'use strict';

/**
 * Takes the ArrayBuffer of `buffer` away as a stream of bytes does, on every Node and backend: its other
 * views are dead after this. Returns the bytes where they live now.
 */
async function steal(buffer) {
  let controller;
  const stream = new ReadableStream({
    type: 'bytes',
    start(given) {
      controller = given;
    },
  });
  controller.enqueue(buffer);
  const { value } = await stream.getReader().read();
  return value;
}

module.exports = { steal };
