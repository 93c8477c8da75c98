'use strict';

// The profiles of a whole fleet in one query of a database: here DuckDB, and any that reads JSON and can sum and group will do.
//
//   npm install @duckdb/node-api
//   node examples/fleet.js 'profiles/*.jsonl'
//
// Cells are integers, and sums of integers do not depend on their order: the result of `merge` is that of `ralloc merge`, to the last
// byte. The second query is a question of the kind that only a database answers: which lines hold the most, over all processes.

/** A glob of files as rows, without the lines that killed processes left. The types are told, for DuckDB would guess them from the first lines. */
const LINES = `read_json($files, format = 'newline_delimited', ignore_errors = true, maximum_object_size = 67108864, columns = {
  type: 'VARCHAR', site: 'VARCHAR', source: 'VARCHAR', frames: 'VARCHAR[]', cells: 'MAP(VARCHAR, UBIGINT[][])'
})`;

/** A row a cell. Recorders' blocks and sums have them alike. */
const CELLS = `(
  SELECT entry.key AS site, cell[1] AS sizeClass, cell[2] AS event, cell[3] AS bucket, cell[4] AS samples, cell[5] AS count, cell[6] AS bytes
  FROM (SELECT entry, unnest(entry.value) AS cell FROM (SELECT unnest(map_entries(cells)) AS entry FROM ${LINES})))`;

const MERGE = `
  SELECT site, sizeClass, event, bucket, sum(samples) AS samples, sum(count) AS count, sum(bytes) AS bytes
  FROM ${CELLS}
  GROUP BY ALL ORDER BY ALL`;

/** What lives is what was born (0) and has not died (1, 2) or left (3). */
const COSTLIEST = `
  WITH sites AS (SELECT site, any_value(source) AS source, any_value(frames) AS frames FROM ${LINES} WHERE type = 'site' GROUP BY site),
    sums AS (
      SELECT site,
        sum(bytes) FILTER (event = 0) AS allocated,
        sum(CASE WHEN event = 0 THEN bytes::HUGEINT WHEN event <= 3 THEN -bytes::HUGEINT ELSE 0 END) AS live
      FROM ${CELLS} GROUP BY site)
  SELECT source, frames[1] AS frame, allocated, live
  FROM sums JOIN sites USING (site)
  ORDER BY live DESC, allocated DESC LIMIT $limit`;

/** Runs a query; rows as objects, sums as BigInts. */
async function query(sql, values) {
  const { DuckDBInstance } = load();
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(sql, values);
    return reader.getRowObjects();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** RALLOC_DUCKDB: the folder of the package, where it is not installed beside this file. */
const load = () => require(process.env.RALLOC_DUCKDB ?? '@duckdb/node-api');

/** The cells of all files, summed: what `ralloc merge` has. */
const merge = (files) => query(MERGE, { files });

/** The lines that hold the most bytes, and then those that allocated the most. */
const costliest = (files, limit = 20) => query(COSTLIEST, { files, limit });

async function main([files]) {
  if (files === undefined) throw new Error('Give a glob of files of "ralloc profile"');
  for (const { source, frame, allocated, live } of await costliest(files)) {
    console.log(`${live}\t${allocated}\t${frame ?? `(${source})`}`);
  }
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

module.exports = { costliest, merge };
