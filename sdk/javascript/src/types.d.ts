/** A column's type. */
export interface DataType {
  readonly kind: string;
  readonly precision?: number;
  readonly scale?: number;
  readonly unit?: Unit;
  readonly timezone?: string;
  readonly width?: number;
  readonly item?: Field;
  readonly members?: Field[];
}
/** A named, typed value of each row. */
export interface Field {
  readonly name: string;
  readonly type: DataType;
  readonly nullable: boolean;
}
export type Unit = 's' | 'ms' | 'us' | 'ns';
export function field(name: string, type: DataType, nullable?: boolean): Field;
export const boolean: DataType, int8: DataType, int16: DataType, int32: DataType, int64: DataType;
export const uint8: DataType, uint16: DataType, uint32: DataType, uint64: DataType;
export const float32: DataType, float64: DataType, utf8: DataType, binary: DataType, date32: DataType;
export function decimal(precision: number, scale: number): DataType;
export function fixedBinary(width: number): DataType;
export function time64(unit: 'us' | 'ns'): DataType;
export function timestamp(unit: Unit, timezone?: string): DataType;
export function duration(unit: Unit): DataType;
export function list(item: DataType, nullable?: boolean): DataType;
export function struct(members: Record<string, DataType> | Field[]): DataType;
export function map(key: DataType, value: DataType, nullable?: boolean): DataType;
/** The type as YAML has it. */
export function name(type: DataType): string;
export function same(one: DataType, other: DataType): boolean;
