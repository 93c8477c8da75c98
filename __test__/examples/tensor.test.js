'use strict';
// tier: tools

require('../helpers/unwritten.js'); // of which no byte may come out
const test = require('ava');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { eachBatch, ImageError } = require('../../examples/tensor-preprocessor.js');
const { folder } = require('../helpers/folder.js');
const { random } = require('../helpers/random.js');

const program = path.join(__dirname, '..', '..', 'examples', 'tensor-preprocessor.js');
const usual = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const plain = { mean: [0, 0, 0], std: [1, 1, 1] };

/** A folder of images; `write(name, head, samples)` puts one in it and returns its path. */
function images(t) {
  const dir = folder(t);
  return (name, head, samples) => {
    const file = path.join(dir, name);
    fs.writeFileSync(file, Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(samples)]));
    return file;
  };
}

/** Samples of a picture: a gradient, a disc, and noise, so that neighbours differ. */
function picture(seed, width, height, maxval = 255) {
  const next = random(seed);
  const samples = [];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (width * height) / 16 ? 0.4 : 0;
      for (const part of [x / width, y / height, disc]) {
        samples.push(Math.floor((part * 0.6 + disc / 2 + next(1000) / 5000) * maxval));
      }
    }
  }
  return { width, height, maxval, samples };
}

const bytesOf = ({ samples, maxval }) =>
  maxval <= 255 ? samples : samples.flatMap((sample) => [sample >> 8, sample & 255]);

const headOf = ({ width, height, maxval }) => `P6\n${width} ${height}\n${maxval}\n`;

/** The value of one pixel of the result, from the definition: the four pixels around its centre, in doubles. */
function expected(image, { width, height, mean, std }, channel, j, i) {
  const clamp = (value, most) => Math.min(Math.max(value, 0), most);
  const x = clamp(((i + 0.5) * image.width) / width - 0.5, image.width - 1);
  const y = clamp(((j + 0.5) * image.height) / height - 0.5, image.height - 1);
  let sum = 0;
  for (let v = Math.floor(y); v <= Math.floor(y) + 1; v++) {
    for (let u = Math.floor(x); u <= Math.floor(x) + 1; u++) {
      const weight = (1 - Math.abs(y - v)) * (1 - Math.abs(x - u));
      const [row, column] = [Math.min(v, image.height - 1), Math.min(u, image.width - 1)];
      sum += weight * image.samples[(row * image.width + column) * 3 + channel];
    }
  }
  return (sum / image.maxval - mean[channel]) / std[channel];
}

/** The greatest difference between a tensor and the definition. */
function error(data, images, settings) {
  let worst = 0;
  let at = 0;
  for (const image of images) {
    for (let channel = 0; channel < 3; channel++) {
      for (let j = 0; j < settings.height; j++) {
        for (let i = 0; i < settings.width; i++) {
          worst = Math.max(worst, Math.abs(data[at++] - expected(image, settings, channel, j, i)));
        }
      }
    }
  }
  return at === data.length ? worst : Number.NaN;
}

async function tensors(files, options) {
  const seen = [];
  const stats = await eachBatch(files, options, async ({ data, ...rest }) => {
    seen.push({ ...rest, values: Float64Array.from(data), data });
  });
  return { seen, stats };
}

test('values known by hand: the same size, twice the width, and all in one pixel', async (t) => {
  const write = images(t);
  const two = write('two.ppm', 'P6 2 1 255\n', [0, 0, 255, 255, 51, 0]);
  const planes = async (width) => {
    const { seen } = await tensors([two], { width, height: 1, ...plain });
    return [...seen[0].values].map((value) => Number(value.toFixed(6)));
  };
  t.deepEqual(await planes(2), [0, 1, 0, 0.2, 1, 0]);
  t.deepEqual(await planes(4), [0, 0.25, 0.75, 1, 0, 0.05, 0.15, 0.2, 1, 0.75, 0.25, 0]);
  t.deepEqual(await planes(1), [0.5, 0.1, 0.5]);
});

test('batches of images of many sizes and depths, against the definition', async (t) => {
  const write = images(t);
  const sizes = [
    [1, 1],
    [640, 360],
    [33, 77, 65_535],
    [224, 224],
    [1000, 3, 1],
    [7, 500, 300],
    [48, 48, 200],
  ];
  const pictures = sizes.map(([width, height, maxval], i) => picture(i, width, height, maxval));
  const files = pictures.map((image, i) => write(`${i}.ppm`, headOf(image), bytesOf(image)));
  const options = { width: 61, height: 40, batch: 3 };
  const settings = { ...options, ...usual };
  const { seen, stats } = await tensors(files, options);
  t.deepEqual(
    seen.map(({ shape }) => shape),
    [
      [3, 3, 40, 61],
      [3, 3, 40, 61],
      [1, 3, 40, 61],
    ],
  );
  t.deepEqual([stats.images, stats.batches], [7, 3]);
  for (const [n, { values, files: names }] of seen.entries()) {
    t.deepEqual(names, files.slice(n * 3, n * 3 + 3));
    t.true(error(values, pictures.slice(n * 3, n * 3 + 3), settings) < 1e-6);
  }
});

test('a tensor is there until its consumer is done, and dead after that', async (t) => {
  const write = images(t);
  const files = [1, 2, 3].map((seed) => {
    const image = picture(seed, 20, 20);
    return write(`${seed}.ppm`, headOf(image), bytesOf(image));
  });
  let previous = null;
  await eachBatch(files, { width: 20, height: 20, batch: 1, ...plain }, async ({ data }) => {
    if (previous !== null) t.is(previous.length, 0);
    const before = [...data];
    await fs.promises.readFile(files[0]);
    t.deepEqual([...data], before);
    previous = data;
  });
  t.is(previous.length, 0);
  await t.throwsAsync(
    eachBatch(files, {}, ({ data }) => Promise.reject(new Error(`busy: ${data.length}`))),
    { message: /^busy: \d+$/ },
  );
});

const bad = {
  'no image': ['GIF89a', 'ERR_BAD_IMAGE'],
  empty: ['', 'ERR_BAD_IMAGE'],
  'the text form': ['P3 1 1 255 1 2 3', 'ERR_BAD_IMAGE'],
  'without a height': ['P6 4 # 5\n', 'ERR_BAD_IMAGE'],
  'of width 0': ['P6 0 1 255\n', 'ERR_BAD_IMAGE'],
  'of a maxval too large': ['P6 1 1 65536\n123', 'ERR_BAD_IMAGE'],
  'of a width beyond all numbers': [`P6 ${'9'.repeat(400)} 1 255\n123`, 'ERR_BAD_IMAGE'],
  'cut off': ['P6 2 1 255\n12345', 'ERR_BAD_IMAGE'],
  'larger than the arena may be': [`P6 400 400 255\n${'x'.repeat(480_000)}`, 'ERR_RALLOC_LIMIT'],
};

for (const [name, [content, code]] of Object.entries(bad)) {
  test(`a file that is ${name} is a typed error with its name`, async (t) => {
    const write = images(t);
    const good = write('good.ppm', 'P6 1 1 255\n', [1, 2, 3]);
    const file = write('bad.ppm', content, []);
    let batches = 0;
    const options = { width: 2, height: 2, batch: 2, maxBytes: 200_000 };
    const failure = await t.throwsAsync(
      eachBatch([good, good, good, file], options, () => batches++),
    );
    t.true(failure instanceof ImageError);
    t.is(failure.code, code);
    t.is(failure.file, file);
    t.is(batches, 1, 'the batch before it was seen, its own was not');
  });
}

test('as a program: raw floats on stdout, shapes on stderr, an exit code that tells', (t) => {
  const write = images(t);
  const pictures = [1, 2, 3].map((seed) => picture(seed, 90, 60));
  const files = pictures.map((image, i) => write(`${i}.ppm`, headOf(image), bytesOf(image)));
  const cli = (...args) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args]);
    return { code: status, stdout, stderr: stderr.toString() };
  };
  const { code, stdout, stderr } = cli('--width', '32', '--height=24', '--batch=2', ...files);
  t.is(code, 0, stderr);
  t.deepEqual(stderr.match(/^\d.*?(?=:)/gm), ['2 × 3 × 24 × 32', '1 × 3 × 24 × 32']);
  const data = new Float32Array(new Uint8Array(stdout).buffer);
  const settings = { width: 32, height: 24, ...usual };
  t.true(error(data, pictures, settings) < 1e-6);
  t.is(cli(`${files[0]}.missing`).code, 1);
  t.is(cli().code, 2);
  t.is(cli('--batch=none', files[0]).code, 2);
});
