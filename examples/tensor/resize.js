'use strict';

// Bilinear resizing into planes of floats. Pixel centres lie at halves, as in PyTorch's and OpenCV's default
// (align_corners = false); there is no low-pass filter before an image is made smaller.

const CHANNELS = 3;

/**
 * Where the samples of one axis come from: output i lies between the inputs low[i] and high[i], `share[i]` of
 * the way. Beyond the outermost centres it is the edge.
 */
function axis(arena, from, to) {
  const low = arena.array(Uint32Array, to);
  const high = arena.array(Uint32Array, to);
  const share = arena.array(Float32Array, to);
  for (let i = 0; i < to; i++) {
    const centre = Math.min(Math.max(((i + 0.5) * from) / to - 0.5, 0), from - 1);
    low[i] = Math.floor(centre);
    high[i] = Math.min(low[i] + 1, from - 1);
    share[i] = centre - low[i];
  }
  return { low, high, share };
}

/** Samples as numbers from 0 to maxval: the bytes themselves, or the arena's copy of 16-bit ones. */
function wide(arena, { samples, maxval }) {
  if (maxval <= 255) return samples;
  const values = arena.array(Uint16Array, samples.length / 2);
  for (let i = 0; i < values.length; i++) values[i] = samples.readUInt16BE(2 * i);
  return values;
}

/**
 * Writes an image into `planes`, a Float32Array of 3 × height × width, one plane a channel: resized, scaled
 * to 0 … 1, then (value − mean) / std. What it needs meanwhile comes from `arena`.
 */
function resizeInto(planes, image, { width, height, mean, std }, arena) {
  const x = axis(arena, image.width, width);
  const y = axis(arena, image.height, height);
  const samples = wide(arena, image);
  const row = image.width * CHANNELS;
  for (let channel = 0; channel < CHANNELS; channel++) {
    const scale = 1 / (image.maxval * std[channel]);
    const shift = mean[channel] / std[channel];
    let at = channel * width * height;
    for (let j = 0; j < height; j++) {
      const upper = y.low[j] * row + channel;
      const lower = y.high[j] * row + channel;
      const down = y.share[j];
      for (let i = 0; i < width; i++) {
        const left = x.low[i] * CHANNELS;
        const right = x.high[i] * CHANNELS;
        const across = x.share[i];
        const top = samples[upper + left] * (1 - across) + samples[upper + right] * across;
        const bottom = samples[lower + left] * (1 - across) + samples[lower + right] * across;
        planes[at++] = (top * (1 - down) + bottom * down) * scale - shift;
      }
    }
  }
}

module.exports = { resizeInto, CHANNELS };
