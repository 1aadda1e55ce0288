// Columns out of rows.

import { column } from './kinds.js';

/**
 * A column for each field, out of rows as objects by name; what a row lacks is missing.
 * @param {import('../types.js').Field[]} fields @param {object[]} rows
 * @returns {Record<string, import('./column.js').Column>}
 */
export const columnsOf = (fields, rows) =>
  Object.fromEntries(fields.map(({ name, type }) => [name, column(type, rows.map((row) => row[name]))]));
