// A thin wrapper: the names, which Node finds in its text, and the classes are the CommonJS module's
// own.
export * from './index.js';
export { default } from './index.js';
