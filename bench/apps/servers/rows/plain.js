const path = require('node:path');

module.exports = ({ pageBytes, plain }) =>
  require(path.join(plain, 'app.js')).createApp({ pageBytes });
