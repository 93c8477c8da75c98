// `ralloc/auto` has no exports: `node --require ralloc/auto app.js`. To load it makes `zlib.createGzip()`, `createDeflate()` and `createDeflateRaw()` use the memory of streams that have ended again,
// as `compressors()` does, `fs.createReadStream()` read in larger pieces, as with `files()`, what `pipe()` has moved go back once it is written, parsers of bodies give chunks back that they have copied,
// and the process give back what its C library keeps, at rest. RALLOC_AUTO turns parts off (`no-compressors`, `no-files`, `no-streams`, `no-bodies`, `no-trim`, with commas between them), or on (`tune`,
// which sets V8's flag as the option of requestArena() does); with `report` in it, each part says on standard error at the end of the process what it has done.
//
// If there is a table of `ralloc bake`, it also changes the lines that this proves to die with their request, as they are loaded, so that they use its
// arena. For these it reads RALLOC_AUTO_TABLE, else RALLOC_TABLE (default: `ralloc.table.json` in the current folder), RALLOC_AUTO_ALLOC,
// RALLOC_AUTO_ANY_SIZE and RALLOC_AUTO_SUGGESTED (1 or 0: `--alloc`, `--any-size` and `--suggested` of `ralloc trial`), and RALLOC_AUTO_PACKAGES (names, with commas between them). At the end of
// the process it tells on standard error what came of that.

export {};
