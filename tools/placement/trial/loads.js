'use strict';

// The hooks of ES modules in the thread that Node 20 has for them.

const { seeIn } = require('./counts.js');
const { PlannedFiles } = require('./hooks.js');

let files;

exports.initialize = function initialize({ files: plan, header }) {
  files = new PlannedFiles(plan, seeIn(header));
};

exports.load = async function load(url, context, next) {
  const result = await next(url, context);
  try {
    const source = files.changedByUrl(url, result.source);
    return source === undefined ? result : { ...result, source };
  } catch {
    return result;
  }
};
