'use strict';

// Circles among files, for the import rules of both languages.

/** @returns {string[][]} each cycle once, as the files along it */
function cyclesOf(graph) {
  const done = new Set();
  const cycles = [];
  const walk = (file, trail) => {
    if (trail.includes(file)) cycles.push(trail.slice(trail.indexOf(file)));
    if (trail.includes(file) || done.has(file)) return;
    for (const next of graph.get(file) || []) walk(next, [...trail, file]);
    done.add(file);
  };
  for (const file of graph.keys()) walk(file, []);
  return cycles;
}

module.exports = { cyclesOf };
