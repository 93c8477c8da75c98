// `ralloc/auto` has no exports. To load it changes the lines that a table of `ralloc bake` proves to die with their request, as they are loaded, so that they use its
// arena: `node --import ralloc/auto app.js`. It reads RALLOC_AUTO_TABLE, else RALLOC_TABLE (default: `ralloc.table.json` in the current folder), RALLOC_AUTO_ALLOC,
// RALLOC_AUTO_ANY_SIZE and RALLOC_AUTO_SUGGESTED (1 or 0: `--alloc`, `--any-size` and `--suggested` of `ralloc trial`), and RALLOC_AUTO_PACKAGES (names, with commas between them). At the end of
// the process it tells on standard error what came of it.

export {};
