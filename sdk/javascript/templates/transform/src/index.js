// Tidies email addresses: `reads` names one column of text, `writes` is `email_tidy`.

import { Bits, Fault, Output, Processed, Shape, Transform, column, made, types } from '@tidegate/sdk';

export default class Tidy extends Transform {
  static configSchema = {
    type: 'object',
    properties: {
      domains: {
        description: 'Leave out rows with addresses of other domains; none keeps all.',
        type: 'array',
        items: { type: 'string', minLength: 1 },
        default: [],
      },
    },
    additionalProperties: false,
  };

  static bind({ domains }, input) {
    input.expectColumns(1, 'the address');
    input.expect(0, types.utf8);
    const wrong = domains.findIndex((domain) => domain.includes('@'));
    if (wrong >= 0) throw Fault.config(`/domains/${wrong}`, 'a domain has no @');
    return Object.assign(new Tidy(), { domains: new Set(domains) });
  }

  shape() {
    return Shape.beside(made('email_tidy', types.utf8).from(0));
  }

  process(batch) {
    const addresses = batch.column(0).strings().map((address) => address?.trim().toLowerCase() ?? null);
    const kept = Bits.where(batch.rows, (row) => this.keeps(addresses[row]));
    const done = new Processed(Output.keep(kept, [column(types.utf8, addresses)]));
    addresses.forEach((address, row) => {
      // Never the value itself: the column may be personal.
      if (address !== null && !isAddress(address)) done.reject(row, 'bad_email', 'an address is a name, an @ and a domain');
    });
    return done;
  }

  keeps(address) {
    return address === null || this.domains.size === 0 || this.domains.has(address.slice(address.indexOf('@') + 1));
  }
}

const isAddress = (text) => /^[^@]+@.+$/.test(text);
