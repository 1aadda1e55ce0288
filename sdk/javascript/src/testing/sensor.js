// A sensor outside the sandbox: through what the component exports.

import { sensorExports } from '../sensor.js';
import { uncrossed } from './faults.js';

/** One look. Answers `runs` or `skip`, and the cursor for the next look. */
export async function evaluate(Author, config, cursor) {
  const { evaluate: look } = sensorExports(Author);
  const before = cursor === undefined ? undefined : JSON.stringify(cursor);
  const { outcome, cursor: after } = await uncrossed(() => look(JSON.stringify(config ?? {}), before));
  return { [outcome.tag]: outcome.val, cursor: after === undefined ? undefined : JSON.parse(after) };
}
