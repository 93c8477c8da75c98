'use strict';

// Images in, batches of tensors out, as a neural network takes them:
//
//   node examples/tensor-preprocessor.js [--width 224] [--height 224] [--batch 8] IMAGE.ppm ... > batches.f32
//
// Every image is read, resized, scaled to 0 … 1 and normalised into its place in an NCHW tensor of 32-bit
// floats. Two lifetimes, and an arena's means for each: a batch is a scope, whose tensor dies when the
// consumer is done with it; an image is a checkpoint in that scope, so that its file and tables make room for
// the next image's while the tensor stays.

const fs = require('node:fs/promises');
const { parseArgs } = require('node:util');
const { Arena } = require('ralloc');
const { parsePpm, PpmError } = require('./tensor/ppm.js');
const { resizeInto, CHANNELS } = require('./tensor/resize.js');

const MiB = 1024 * 1024;

/** Of ImageNet, which most networks for pictures were trained with; red, green, blue. */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/** An image that cannot be used: ERR_BAD_IMAGE, the system's code, or ERR_RALLOC_LIMIT, with its `file`. */
class ImageError extends Error {
  constructor(file, cause) {
    super(`${file}: ${cause.message}`, { cause });
    this.name = 'ImageError';
    this.code = cause.code;
    this.file = file;
  }
}

/** A whole file in arena memory. No read is left in flight, whatever happens: each is awaited. */
async function readInto(arena, file) {
  const handle = await fs.open(file);
  try {
    const { size } = await handle.stat();
    const bytes = arena.allocUnsafe(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await handle.read(bytes, length, size - length);
      if (bytesRead === 0) throw new PpmError(`cut off: ${length} of ${size} bytes`);
      length += bytesRead;
    }
    return bytes;
  } finally {
    await handle.close();
  }
}

const isOfImage = ({ code }) => typeof code === 'string' && code !== 'ERR_RALLOC_INVALID_ARGUMENT';

/** Fills one image's planes; all that it took from `arena` meanwhile is given back. */
async function preprocess(arena, file, planes, settings) {
  const mark = arena.checkpoint();
  try {
    resizeInto(planes, parsePpm(await readInto(arena, file)), settings, arena);
  } catch (error) {
    throw isOfImage(error) ? new ImageError(file, error) : error;
  } finally {
    arena.rewind(mark);
  }
}

/** The options with their defaults: bytes, pixels, images, and three numbers for mean and std. */
function complete({ width = 224, height = 224, batch = 8, mean = MEAN, std = STD, maxBytes }) {
  for (const [name, value] of Object.entries({ width, height, batch })) {
    if (!Number.isInteger(value) || value < 1 || value > 65_535) {
      throw new RangeError(`"${name}" must be an integer from 1 to 65535, not ${value}`);
    }
  }
  for (const [name, list] of Object.entries({ mean, std })) {
    if (list.length !== CHANNELS || !list.every(Number.isFinite)) {
      throw new RangeError(`"${name}" must be ${CHANNELS} finite numbers, not ${list}`);
    }
  }
  return { width, height, batch, mean, std, maxBytes: maxBytes ?? 256 * MiB };
}

/**
 * Calls `consume({ data, shape, files })` for each batch and awaits it: `data` is a Float32Array of the
 * `shape` [images, 3, height, width], dead when `consume` has settled. The last batch may have fewer images.
 * An image that cannot be used ends it with an ImageError, before its batch is seen.
 *
 * Resolves to { images, batches, memory }, the last being the arena's memory stats at the end.
 */
async function eachBatch(files, options, consume) {
  const { batch, maxBytes, ...settings } = complete(options);
  const { width, height } = settings;
  const planes = CHANNELS * height * width;
  const arena = new Arena({ name: 'tensors', maxBytes });
  let batches = 0;
  try {
    for (let from = 0; from < files.length; from += batch) {
      const names = files.slice(from, from + batch);
      await arena.scope(async (inner) => {
        const data = inner.array(Float32Array, names.length * planes);
        for (const [n, file] of names.entries()) {
          await preprocess(inner, file, data.subarray(n * planes, (n + 1) * planes), settings);
        }
        await consume({ data, shape: [names.length, CHANNELS, height, width], files: names });
      });
      batches++;
    }
    return { images: files.length, batches, memory: arena.stats().memory };
  } finally {
    arena.close();
  }
}

/** Writes a tensor's bytes, of this machine's order; resolves when nothing reads them any more. */
async function write(output, { data }) {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  await new Promise((resolve, reject) => {
    output.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

const USAGE =
  'usage: node tensor-preprocessor.js [--width N] [--height N] [--batch N] IMAGE.ppm ... > batches.f32';

function parse(words) {
  const number = { type: 'string' };
  const { values, positionals } = parseArgs({
    args: words,
    options: { width: number, height: number, batch: number },
    allowPositionals: true,
  });
  if (positionals.length === 0) throw new Error('no images');
  const options = {};
  for (const [name, text] of Object.entries(values)) {
    options[name] = Number(text);
  }
  return { options: complete(options), files: positionals };
}

/** 0: all is written; 1: an image cannot be used, or writing failed; 2: wrong usage. */
async function main(words) {
  let command;
  try {
    command = parse(words);
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    return 2;
  }
  const output = process.stdout;
  output.on('error', () => {}); // the callback of the write tells
  try {
    await eachBatch(command.files, command.options, async (tensor) => {
      console.error(`${tensor.shape.join(' × ')}: ${tensor.files.join(', ')}`);
      await write(output, tensor);
    });
    return 0;
  } catch (error) {
    console.error(error.message);
    return 1;
  }
}

module.exports = { eachBatch, ImageError };

if (require.main === module) {
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
