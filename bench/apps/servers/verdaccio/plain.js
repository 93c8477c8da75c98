const { runServer } = require('verdaccio');
const config = require('./config.js');

module.exports = (storage) => runServer(config(storage));
