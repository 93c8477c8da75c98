require('../../heap.js');

module.exports = require('./plain.js');
