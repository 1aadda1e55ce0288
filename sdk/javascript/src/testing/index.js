// Run a plugin outside the sandbox, in its own tests.

export { batch } from './batch.js';
export { verdict } from './check.js';
export { load } from './destination.js';
export { evaluate } from './sensor.js';
export { discover, read, readFromEachCursor } from './source.js';
export { bindTo, run, runWithRejects } from './transform.js';
