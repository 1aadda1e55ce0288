// A source outside the sandbox: through what the component exports.

import { fromSchema } from '../types.js';
import { sourceExports } from '../source.js';
import { uncrossed } from './faults.js';
import { lift } from './lift.js';

/** Rows of a chunk, where nothing else is said: few, so that a test sees several chunks. */
const MAX_ROWS = 3;

/** What can be read, after `check`: name, fields, key and whether from a cursor on. */
export async function discover(Author, config) {
  const { check, discover: ask } = sourceExports(Author);
  const text = JSON.stringify(config ?? {});
  await uncrossed(() => check(text));
  const streams = await uncrossed(() => ask(text));
  return streams.map(({ name, schema, key, incremental }) => ({ name, fields: fromSchema(schema), key, incremental }));
}

/**
 * All rows of a stream as objects, and the cursor behind each chunk.
 * @param {{maxRows?: number, columns?: string[], cursor?: Uint8Array, partition?: {key: string, startMs: number, endMs: number}}} options
 */
export async function read(Author, config, stream, { maxRows = MAX_ROWS, columns, cursor, partition } = {}) {
  const found = (await discover(Author, config)).find(({ name }) => name === stream);
  const fields = found?.fields.filter(({ name }) => columns?.includes(name) ?? true) ?? [];
  const { Reader } = sourceExports(Author);
  const slice = partition && { ...partition, startMs: BigInt(partition.startMs), endMs: BigInt(partition.endMs) };
  const request = { config: JSON.stringify(config ?? {}), stream, columns: fields.map(({ name }) => name), cursor, partition: slice };
  const reader = await uncrossed(() => Reader.open(request));
  const [rows, cursors] = [[], []];
  for (;;) {
    const chunk = await uncrossed(() => reader.next(maxRows));
    if (chunk === undefined) return { rows, cursors };
    if (chunk.rowCount > maxRows) throw new Error(`a chunk has ${chunk.rowCount} rows, and ${maxRows} were asked for`);
    const made = chunk.columns.map((crossed, index) => lift(fields[index], crossed, chunk.rowCount));
    for (let row = 0; row < chunk.rowCount; row++) {
      rows.push(Object.fromEntries(fields.map(({ name }, index) => [name, made[index].get(row)])));
    }
    cursors.push({ cursor: chunk.cursor, rows: rows.length });
  }
}

/** The same, and that reading on from the cursor behind each chunk gives the rest. */
export async function readFromEachCursor(Author, config, stream, options = {}) {
  const whole = await read(Author, config, stream, options);
  for (const { cursor, rows } of whole.cursors) {
    const rest = await read(Author, config, stream, { ...options, cursor });
    const [wanted, got] = [shown(whole.rows.slice(rows)), shown(rest.rows)];
    if (wanted !== got) throw new Error(`from the cursor behind row ${rows} on, the rows are ${got} and must be ${wanted}`);
  }
  return whole;
}

const shown = (rows) => JSON.stringify(rows, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
