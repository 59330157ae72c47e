'use strict';
// The messages of a long exchange. `page/src/messages.rs` makes the same ones.

const LONGEST = 300;

function message(number) {
  const round = Math.floor(number / 4);
  switch (number % 4) {
    case 0:
      return `text ${number} ä€😀\u2028\u2029"\\\n`;
    case 1:
      return Buffer.from(Array.from({ length: round % (LONGEST + 1) }, (_, at) => number + at));
    case 2:
      return round % 5 === 0 ? '' : `${number} `.repeat(round % 40);
    default: {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32BE(number);
      return bytes;
    }
  }
}

function isEqual(one, other) {
  if (typeof one === 'string' || typeof other === 'string') return one === other;
  return Buffer.compare(one, other) === 0;
}

module.exports = { message, isEqual };
