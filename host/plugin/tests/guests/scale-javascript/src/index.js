// The least work that touches every value: what the language and its SDK cost.

import { Output, Processed, Shape, Transform, column, made, types } from '@tidegate/sdk';

export default class Scale extends Transform {
  static configSchema = {
    type: 'object',
    properties: { factor: { type: 'number', description: 'What amounts are multiplied by.' } },
    required: ['factor'],
    additionalProperties: false,
  };

  static bind({ factor }, input) {
    input.expectColumns(1, 'the amount');
    input.expect(0, types.float64);
    return Object.assign(new Scale(), { factor });
  }

  shape() {
    return Shape.beside(made('scaled', types.float64).from(0));
  }

  process(batch) {
    const amounts = batch.column(0);
    const { values } = amounts;
    const { factor } = this;
    const scaled = new Float64Array(batch.rows);
    for (let row = 0; row < scaled.length; row++) scaled[row] = values[row] * factor;
    return new Processed(Output.all([column(types.float64, scaled, amounts)]));
  }
}
