'use strict';

// The profiles of a whole fleet in one query of a database: here DuckDB, and any that reads JSON and can sum and group will do.
//
//   npm install @duckdb/node-api
//   for file in profiles/*.rprof; do npx ralloc export --jsonl -o "${file%.rprof}.jsonl" "$file"; done
//   node examples/fleet.js 'profiles/*.jsonl'
//
// Cells are integers, and sums of integers do not depend on their order: the result of `merge` is that of `ralloc merge`, to the last
// byte. The second query is a question of the kind that only a database answers: which lines hold the most, over all processes.

/** A glob of files as rows. The types are told, for DuckDB would guess them from the first lines. */
const ROWS = `read_json($files, format = 'newline_delimited', columns = {
  type: 'VARCHAR', site: 'VARCHAR', sizeClass: 'UTINYINT', event: 'VARCHAR', bucket: 'UTINYINT',
  samples: 'UBIGINT', count: 'UBIGINT', bytes: 'UBIGINT',
  source: 'VARCHAR', route: 'VARCHAR',
  frames: 'STRUCT("function" VARCHAR, file VARCHAR, line INTEGER, "column" INTEGER)[]'
})`;

const MERGE = `
  SELECT site, sizeClass, event, bucket, sum(samples) AS samples, sum(count) AS count, sum(bytes) AS bytes
  FROM ${ROWS} WHERE type = 'cell'
  GROUP BY ALL ORDER BY ALL`;

const COSTLIEST = `
  WITH rows AS (SELECT * FROM ${ROWS}),
    sites AS (SELECT site, any_value(source) AS source, any_value(frames) AS frames FROM rows WHERE type = 'site' GROUP BY site),
    sums AS (
      SELECT site,
        sum(bytes) FILTER (event = 'BORN') AS allocated,
        sum(CASE event WHEN 'BORN' THEN bytes::HUGEINT WHEN 'DIED' THEN -bytes::HUGEINT
          WHEN 'DIED_OLD' THEN -bytes::HUGEINT WHEN 'TRANSFERRED' THEN -bytes::HUGEINT ELSE 0 END) AS live
      FROM rows WHERE type = 'cell' GROUP BY site)
  SELECT source, frames[1].file AS file, frames[1].line AS line, allocated, live
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
  if (files === undefined) throw new Error('Give a glob of files of "ralloc export --jsonl"');
  for (const { source, file, line, allocated, live } of await costliest(files)) {
    const place = file === null ? `(${source})` : `${file}:${line}`;
    console.log(`${live}\t${allocated}\t${place}`);
  }
}

if (require.main === module) {
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });
}

module.exports = { costliest, merge };
