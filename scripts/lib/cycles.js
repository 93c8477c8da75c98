'use strict';

// Cycles in a graph of imports, for the rules of both languages.

/** @returns {string[][]} each cycle of `graph` once, as the nodes along it */
function cyclesOf(graph) {
  const done = new Set();
  const cycles = [];
  const walk = (node, trail) => {
    if (trail.includes(node)) cycles.push(trail.slice(trail.indexOf(node)));
    if (trail.includes(node) || done.has(node)) return;
    for (const next of graph.get(node) ?? []) walk(next, [...trail, node]);
    done.add(node);
  };
  for (const node of graph.keys()) walk(node, []);
  return cycles;
}

module.exports = { cyclesOf };
