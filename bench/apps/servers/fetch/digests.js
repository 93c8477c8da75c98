// What the application makes of what it has fetched, by the method of the response.

const { crc32 } = require('node:zlib');

module.exports = {
  text: (text) => crc32(text),
  json: (pages) => pages.reduce((sum, { page }) => sum + page, 0),
};
