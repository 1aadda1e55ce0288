// Write Tidegate plugins in JavaScript or TypeScript.

export { Batch, Input } from './batch.js';
export { Bits } from './bits.js';
export { Check, Verdict } from './check.js';
export { Column } from './column/column.js';
export { column } from './column/kinds.js';
export { columnsOf } from './column/rows.js';
export { Destination } from './destination.js';
export { Fault } from './fault.js';
export * as log from './log.js';
export { Output, Processed } from './output.js';
export { Evaluation, RunRequest, Sensor } from './sensor.js';
export { Shape, made, passed } from './shape.js';
export { Chunk, Source, Stream } from './source.js';
export * as state from './state.js';
export { Transform } from './transform.js';
export * as types from './types.js';
