'use strict';

/** Makes a picture of 4 bytes a pixel (red, green, blue, alpha) grey, in place. */
module.exports = function grey(frame) {
  for (let i = 0; i + 3 < frame.length; i += 4) {
    // Rec. 601 luma, in 16.16 fixed point.
    const luma = (frame[i] * 19595 + frame[i + 1] * 38470 + frame[i + 2] * 7471 + 32768) >> 16;
    frame[i] = luma;
    frame[i + 1] = luma;
    frame[i + 2] = luma;
  }
};
