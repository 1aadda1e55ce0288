// Types of the helpers for a plugin's own tests.

import type { Check, Column, Destination, Field, Sensor, Source, Transform } from '../index.js';

type Rows = { rows: number; columns: Record<string, any[]> };
type Reject = { row: number; code: string; message: string };
type Done = Rows & { rejects: Reject[]; rest: 'filtered' | 'absorbed' };

/** A batch of a test. */
export interface HeldBatch {
  readonly rows: number;
  readonly fields: Field[];
}
/** A transform that is bound. */
export interface BoundTransform {
  readonly fields: Field[];
  readonly carry: 'rest' | 'nothing';
  process(batch: HeldBatch): Done;
  finish(): Rows;
  snapshot(): Uint8Array | undefined;
  restore(state: Uint8Array): void;
}
type Cursor = { cursor: Uint8Array; rows: number };
type ReadOptions = { maxRows?: number; columns?: string[]; cursor?: Uint8Array; partition?: { key: string; startMs: number; endMs: number } };
type LoadOptions = { asset?: string; partition?: string; mode?: string; key?: string[]; token?: string };

export function batch(columns: Record<string, Column>): HeldBatch;
export function bindTo(Author: typeof Transform, config: object, batch: HeldBatch): BoundTransform;
export function run(Author: typeof Transform, config: object, batch: HeldBatch): Done;
export function runWithRejects(Author: typeof Transform, config: object, batch: HeldBatch): Done;
export function discover(Author: typeof Source, config: object): Promise<{ name: string; fields: Field[]; key: string[]; incremental: boolean }[]>;
export function read(Author: typeof Source, config: object, stream: string, options?: ReadOptions): Promise<{ rows: any[]; cursors: Cursor[] }>;
export function readFromEachCursor(Author: typeof Source, config: object, stream: string, options?: ReadOptions): Promise<{ rows: any[]; cursors: Cursor[] }>;
export function load(Author: typeof Destination, config: object, batches: HeldBatch[], options?: LoadOptions): Promise<{ rows: number; bytes?: number; location: string }>;
export function verdict(Author: typeof Check, config: object, batches: HeldBatch[]): Promise<{ passed: boolean; severity: 'warn' | 'error'; message: string; measures: Record<string, number> }>;
export function evaluate(Author: typeof Sensor, config: object, cursor?: unknown): Promise<any>;
