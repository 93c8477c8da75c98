// `ralloc/profile` has no exports. To load it records this thread, and those that it starts: `node --import ralloc/profile app.js`.
// It reads RALLOC_PROFILE_FILE (default: `ralloc-DATE-TIME-PID.jsonl` in the current folder; an earlier profile of that name is
// replaced), RALLOC_PROFILE_BUDGET (percent of a core, > 0 and <= 100; default 2), RALLOC_PROFILE_RATE (mean bytes between two
// samples; default: adapts to the budget), RALLOC_PROFILE_MAX_BYTES (of a file, from 16 MiB on; default: no limit),
// RALLOC_PROFILE_TYPED_ARRAYS (1 or 0), RALLOC_PROFILE_SNAPSHOT_ABOVE (bytes of ArrayBuffers) and RALLOC_PROFILE_SNAPSHOT_SIGNAL (such as SIGUSR2). `ralloc report
// FILE` shows what is written.

export {};
