// Asks for a run each workday, Monday to Friday, from an hour of the day on.

import { Evaluation, RunRequest, Sensor } from '@tidegate/sdk';

const MS_PER_HOUR = 3_600_000;

export default class Workdays extends Sensor {
  static configSchema = {
    type: 'object',
    properties: {
      hour: { description: 'From this hour of a day on, UTC.', type: 'integer', minimum: 0, maximum: 23, default: 0 },
    },
    additionalProperties: false,
  };

  /** The cursor is the last day that a run was asked for, as 2026-01-31. */
  static evaluate(config, cursor) {
    return look(config, cursor, Date.now());
  }
}

/** What a look at an instant, in milliseconds since 1970-01-01T00:00:00Z, comes to. */
export function look({ hour }, asked, nowMs) {
  const began = new Date(nowMs - hour * MS_PER_HOUR);
  const today = began.toISOString().slice(0, 10);
  if (asked !== undefined && asked >= today) return Evaluation.skip(`${asked} was asked for`).cursor(asked);
  if ([0, 6].includes(began.getUTCDay())) return Evaluation.skip(`${today} is a weekend`).cursor(asked);
  return Evaluation.runs(new RunRequest(`workday-${today}`).tag('day', today)).cursor(today);
}
