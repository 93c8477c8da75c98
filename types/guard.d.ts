// `ralloc/guard` has no exports. To load it installs the guard in this thread, before any module takes functions out of
// Node's: `node --import ralloc/guard`, `--require ralloc/guard`, or `import 'ralloc/guard'` first of all. What it does is
// told at `guard` in `RequestArenaOptions`. `RALLOC_GUARD=off` leaves Node as it is.

export {};
