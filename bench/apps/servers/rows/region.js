const { RowsService } = require('../../../../examples/rows-service.js');

module.exports = ({ pageBytes }) => new RowsService({ pageBytes }).app;
