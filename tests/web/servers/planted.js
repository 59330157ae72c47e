'use strict';
// Faults that a server makes on purpose, to see that the tests find them: `drive.mjs --planted FAULT`.

// The fault hits the message with this number, and where it takes two, the next one.
const AT = 1001;

const FAULTS = {
  swap: () => {
    let held;
    return (number, message) => {
      if (number === AT) {
        held = message;
        return [];
      }
      return number === AT + 1 ? [message, held] : [message];
    };
  },
  drop: () => (number, message) => (number === AT ? [] : [message]),
  double: () => (number, message) => (number === AT ? [message, message] : [message]),
  // A text that comes as binary data, or the other way round.
  kind: () => (number, message) => {
    if (number !== AT) return [message];
    return [typeof message === 'string' ? Buffer.from(message) : message.toString('latin1')];
  },
  bit: () => (number, message) => {
    if (number !== AT) return [message];
    const bytes = Buffer.from(message);
    if (bytes.length > 0) bytes[bytes.length - 1] ^= 1;
    return [typeof message === 'string' ? bytes.toString('latin1') : bytes];
  },
};

/// Returns a function from a message and its number to the messages that take its place.
function planted(name) {
  if (!name) return (_number, message) => [message];
  if (!(name in FAULTS)) throw new Error(`no such fault: ${name}; there are ${Object.keys(FAULTS)}`);
  return FAULTS[name]();
}

module.exports = { planted };
