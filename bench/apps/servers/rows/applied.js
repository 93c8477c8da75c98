const path = require('node:path');

module.exports = ({ pageBytes, apply }) => {
  const { mount } = require(path.join(apply, 'mount.js'));
  return require(path.join(apply, 'app.js')).createApp({ pageBytes, mount });
};
