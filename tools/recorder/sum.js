'use strict';

// Writes a sum: frames of blocks of one order, so that equal sums are equal bytes.

const { writeCell } = require('./cell.js');
const { frame } = require('./frame.js');
const { NameWriter } = require('./names.js');
const { PayloadWriter, kinds, sections, writeRecorder, writeSeries } = require('./payload.js');

/** Where a payload ends: the sites of a block are at most so many. A number of the format, for merging must not depend on it. */
const MOST_SITES = 1 << 14;

/** The frames of a profile with `recorders` and `series`, its site table and its cell table. */
function* framesOf({ recorders, series }, sites, cells) {
  yield headFrame(recorders, series);
  const order = sites.sorted();
  const rows = rowsBySite(order, cells);
  for (let from = 0; from < order.length; from += MOST_SITES) {
    yield sitesFrame(order.subarray(from, from + MOST_SITES), sites, cells, rows);
  }
}

function headFrame(recorders, series) {
  const payload = new PayloadWriter(kinds.SUM);
  payload.section(sections.RECORDERS, (writer) => {
    for (const recorder of recorders) writeRecorder(writer, recorder);
  });
  payload.section(sections.SERIES, (writer) => {
    for (const row of series) writeSeries(writer, row);
  });
  return frame(payload.payload());
}

/** Site → where its rows begin and end in a list of all rows, which are in the order of their keys. */
function rowsBySite(order, cells) {
  const ranks = new Uint32Array(order.length);
  for (let rank = 0; rank < order.length; rank++) ranks[order[rank]] = rank;
  const rows = cells.sorted(ranks);
  const ends = new Uint32Array(order.length + 1);
  for (let i = 0; i < rows.length; i++) ends[ranks[cells.siteAt(rows[i])] + 1]++;
  for (let rank = 0; rank < order.length; rank++) ends[rank + 1] += ends[rank];
  return (site) => rows.subarray(ends[ranks[site]], ends[ranks[site] + 1]);
}

function sitesFrame(order, sites, cells, rowsOf) {
  const payload = new PayloadWriter(kinds.SUM);
  const names = new NameWriter();
  payload.section(sections.SITES, (writer) => {
    for (const site of order) {
      const [high, low] = sites.halvesOf(site);
      writer.uint32(low);
      writer.uint32(high);
      names.site(writer, sites.definitionOf(site));
    }
  });
  names.write(payload);
  payload.section(sections.CELLS, (writer) => {
    for (const site of order) writeRows(writer, cells, rowsOf(site));
  });
  return frame(payload.payload());
}

function writeRows(writer, cells, rows) {
  writer.number(rows.length);
  for (const row of rows) {
    const [samples, count, bytes] = cells.sumsAt(row);
    writeCell(writer, cells.keyAt(row), samples, count, bytes);
  }
}

module.exports = { framesOf };
