// Types of the SDK, for authors in TypeScript and for editors.

import * as log from './log.js';
import * as state from './state.js';
import * as types from './types.js';

export { log, state, types };

/** A column's type; made with `types`. */
export type DataType = types.DataType;
/** A named, typed value of each row. */
export type Field = types.Field;

type Later<T> = T | Promise<T>;

/** JSON, as configs and cursors are. */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** One bit a row, the first the lowest of a byte. */
export class Bits {
  constructor(length: number, bytes?: Uint8Array, ones?: number);
  static ones(length: number): Bits;
  static where(length: number, test: (row: number) => boolean): Bits;
  readonly length: number;
  readonly bytes: Uint8Array;
  get(row: number): boolean;
  set(row: number): void;
  clear(row: number): void;
  count(): number;
  and(other: Bits): Bits;
}

/** A typed view over Arrow buffers. Which of the optional members a column has, its type says. */
export class Column<T = any> implements Iterable<T | null> {
  readonly type: DataType;
  readonly length: number;
  readonly validity: Bits | null;
  readonly nullCount: number;
  isNull(row: number): boolean;
  get(row: number): T | null;
  toArray(): (T | null)[];
  [Symbol.iterator](): Iterator<T | null>;
  /** Of numbers, dates and times: the typed array of their class. */
  readonly values: any;
  /** Of booleans. */
  readonly bits: Bits;
  /** Of text: all at once, null for missing ones. */
  strings(): (string | null)[];
  /** Of decimals: such as `12.34`. */
  text(row: number): string | null;
  /** Of decimals: little-endian words, two or four a value. */
  readonly words: BigUint64Array;
  /** Of text, bytes, lists and maps. */
  readonly offsets: Int32Array;
  /** Of text and bytes. */
  readonly bytes: Uint8Array;
  /** Of lists and maps. */
  readonly items: Column;
  /** Of maps. */
  readonly keys: Column;
  /** Of structs. */
  readonly members: Record<string, Column>;
}

/** Makes a column; a typed array of the type's own class is taken without a copy. */
export function column(type: DataType, values: Iterable<unknown> | Bits, validity?: Bits | Column | null): Column;
/** A column for each field, out of rows as objects by name. */
export function columnsOf(fields: Field[], rows: object[]): Record<string, Column>;

/** Why a call did not succeed. */
export class Fault extends Error {
  readonly tag: string;
  readonly val: unknown;
  static config(pointer: string, message: string): Fault;
  static schema(message: string): Fault;
  static data(message: string): Fault;
  static retryable(message: string, afterMs?: number): Fault;
  static fatal(message: string): Fault;
}

/** The granted columns, in the order of `reads`. */
export class Input {
  readonly fields: Field[];
  find(name: string): number;
  expectColumns(count: number, what: string): void;
  expect(index: number, ...types: DataType[]): void;
}

/** A batch of rows. */
export class Batch {
  readonly rows: number;
  column(index: number): Column;
  objects(): Record<string, any>[];
}

/** A column of a transform's making. */
export class MadeColumn {
  from(...sources: number[]): MadeColumn;
  required(): MadeColumn;
}
/** A granted column as it is. */
export class PassedColumn {}
export function made(name: string, type: DataType): MadeColumn;
export function passed(input: number, name: string): PassedColumn;

/** What a transform does to the stream. */
export class Shape {
  static beside(...columns: (MadeColumn | PassedColumn)[]): Shape;
  static instead(...columns: (MadeColumn | PassedColumn)[]): Shape;
  static rowsOnly(): Shape;
}

/** A batch to go on. */
export class Output {
  static all(columns?: Column[]): Output;
  static keep(keep: Bits | Column | boolean[], columns?: Column[]): Output;
  static take(indices: Iterable<number>, columns?: Column[]): Output;
  static rows(count: number, columns: Column[]): Output;
}

/** What became of a batch. */
export class Processed {
  constructor(...outputs: Output[]);
  static nothing(): Processed;
  output(output: Output): this;
  reject(row: number, code: string, message: string): this;
  absorbing(): this;
}

/** Turns batches into batches. */
export class Transform {
  static configSchema: object;
  static bind(config: any, input: Input): Transform;
  shape(): Shape;
  process(batch: Batch): Later<Output | Processed>;
  finish(): Later<Output[]>;
  snapshot(): Uint8Array | undefined;
  restore(state: Uint8Array): void;
}

/** Reads batches from somewhere. */
export class Source {
  static configSchema: object;
  static check(config: any): Later<void>;
  static discover(config: any): Later<Stream[]>;
  static open(config: any, request: Request): Later<Source>;
  next(maxRows: number): Later<Chunk | undefined>;
}
/** Something that can be read. */
export class Stream {
  constructor(name: string, fields: Field[]);
  description(text: string): this;
  key(...names: string[]): this;
  incremental(): this;
}
/** What to read. */
export interface Request {
  readonly stream: string;
  readonly columns: string[];
  readonly cursor?: any;
  readonly partition?: { key: string; startMs: number; endMs: number };
  wants(column: string): boolean;
  unknownStream(streams: string[]): Fault;
}
/** Rows, and where the reader stands behind them. */
export class Chunk {
  constructor(columns: Record<string, Column>, cursor: Json);
}

/** Writes batches somewhere, and shows all of a load at once or none. */
export class Destination {
  static configSchema: object;
  static check(config: any): Later<void>;
  static open(config: any, load: Load): Later<Destination>;
  write(batch: Batch, token: string): Later<void>;
  stage(): Later<Json | undefined>;
  commit(): Later<Receipt>;
  abort(): Later<void>;
}
/** What will be written. */
export interface Load {
  readonly asset: string;
  readonly partition?: string;
  readonly mode: 'append' | 'upsert' | 'replace' | 'replace-partition';
  readonly fields: Field[];
  readonly key: string[];
  readonly token: string;
  readonly staged?: any;
  readonly epoch: bigint;
}
/** What was loaded. */
export interface Receipt {
  rows: number;
  bytes?: number;
  location: string;
}

/** Looks at the batches of a load and gives a verdict. */
export class Check {
  static configSchema: object;
  static bind(config: any, input: Input): Check;
  observe(batch: Batch): Later<void>;
  snapshot(): Uint8Array | undefined;
  restore(state: Uint8Array): void;
  verdict(): Later<Verdict>;
}
/** What is to be said. */
export class Verdict {
  constructor(passed: boolean, message: string);
  warning(): this;
  measure(name: string, value: number): this;
}

/** Looks outside and asks for runs. */
export class Sensor {
  static configSchema: object;
  static evaluate(config: any, cursor: any): Later<Evaluation>;
}
/** What was seen. */
export class Evaluation {
  static runs(...requests: RunRequest[]): Evaluation;
  static skip(why: string): Evaluation;
  cursor(cursor: Json | undefined): this;
}
/** A run is wanted. */
export class RunRequest {
  constructor(key: string);
  partition(key: string): this;
  config(config: Json): this;
  tag(name: string, value: unknown): this;
}
