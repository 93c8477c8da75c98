// `ralloc/auto` has no exports: `node --require ralloc/auto app.js`. Loading it has these effects:
// - `zlib.createGzip()`, `createDeflate()` and `createDeflateRaw()` reuse the memory of earlier
//   streams, as with `compressors()`,
// - `fs.createReadStream()` reads in larger pieces, as with `files()`,
// - chunks that `pipe()` has moved are freed once they are written,
// - body parsers, and responses of `fetch()`, free chunks that they have copied,
// - an idle process returns memory that its C library keeps,
// - `Buffer.poolSize` is lowered if small Buffers that are kept pin Node's pool, as with
//   `adaptPoolSize()`.
//
// RALLOC_AUTO turns parts off (`no-compressors`, `no-files`, `no-streams`, `no-bodies`, `no-trim`,
// `no-inventory`, `no-pool-size`, `no-memory-limit`, `no-table`, with commas between them), or on
// (`tune`, which sets V8's flag as the option of requestArena() does). With `report` in it, each
// part reports on standard error at the end of the process.
//
// RALLOC_FLIGHT_RECORDER begins a flight recorder: a folder for the recording, or the words of a
// switch, as `on` for the temporary folder. See `flightRecorder()`.
//
// If there is a table of `ralloc bake`, lines whose Buffers are proved to die with their request
// use the request's arena: they are changed as Node loads them. For these it reads
// RALLOC_AUTO_TABLE, else RALLOC_TABLE (default: `ralloc.table.json` in the current folder),
// RALLOC_AUTO_ALLOC, RALLOC_AUTO_ANY_SIZE and RALLOC_AUTO_SUGGESTED (1 or 0: `--alloc`,
// `--any-size` and `--suggested` of `ralloc compare`), and RALLOC_AUTO_PACKAGES (names, with commas
// between them). At the end of the process it reports the result on standard error.

export {};
