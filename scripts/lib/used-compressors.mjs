// Loaded before a program: streams of zlib with the settings that tests take have ended, and their memory is used by what comes.

import { once } from 'node:events';
import zlib from 'node:zlib';

const TEXT = 'of the stream before. '.repeat(500); // of what is longer gzip keeps nothing
const SETTINGS = [undefined, { level: 0 }, { level: 1 }, { level: 9 }, { windowBits: 9 }];

for (const create of [zlib.createGzip, zlib.createDeflate, zlib.createDeflateRaw]) {
  const streams = SETTINGS.flatMap((options) => [create(options), create(options)]);
  for (const stream of streams) stream.resume().end(TEXT);
  await Promise.all(streams.map((stream) => once(stream, 'close')));
}
await new Promise(setImmediate);
