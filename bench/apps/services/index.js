// What applications need besides their packages, by name.

module.exports.SERVICES = {
  ...require('./folders.js'),
  next: require('./next.js'),
  postgres: require('./postgres.js'),
};
