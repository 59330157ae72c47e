'use strict';
// A relay of TCP connections in front of a server, for a network that fails.

const net = require('node:net');
const { listening } = require('./listening');

class Relay {
  constructor(to) {
    this.to = to;
    this.mode = 'open';
    this.pairs = new Set();
    this.trap = null;
    this.server = net.createServer((near) => this.connection(near));
  }

  connection(near) {
    if (this.mode === 'cut') {
      near.destroy();
      return;
    }
    const far = net.connect(this.to, '127.0.0.1');
    const pair = { near, far };
    this.pairs.add(pair);
    const end = () => {
      this.pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const socket of [near, far]) {
      socket.setNoDelay(true);
      socket.on('error', end);
      socket.on('close', end);
      if (this.mode === 'stopped') socket.pause();
    }
    near.on('data', (data) => this.forward(near, far, data, 'up'));
    far.on('data', (data) => this.forward(far, near, data, 'down'));
  }

  forward(from, to, data, direction) {
    if (this.trap && this.trap.direction === direction && data.includes(this.trap.text)) {
      const { isForwarded, mode, resolve } = this.trap;
      this.trap = null;
      // What was forwarded has to leave before the connection is cut.
      if (isForwarded) to.write(data, () => this.set(mode));
      else this.set(mode);
      resolve();
      return;
    }
    if (!to.write(data)) {
      from.pause();
      to.once('drain', () => this.mode === 'open' && from.resume());
    }
  }

  /// `open` forwards; `stopped` keeps the connections and forwards nothing; `cut` ends all connections, and new ones;
  /// `cut once` ends those that there are.
  set(mode) {
    if (mode === 'cut once') {
      this.set('cut');
      this.mode = 'open';
      return;
    }
    this.mode = mode;
    for (const { near, far } of [...this.pairs]) {
      for (const socket of [near, far]) {
        if (mode === 'cut') socket.destroy();
        else if (mode === 'stopped') socket.pause();
        else socket.resume();
      }
    }
  }

  /// Sets the mode as soon as `text` passes in the direction `up` (to the server) or `down`, before or after
  /// it is forwarded. Resolves then.
  when({ text, direction = 'up', mode = 'cut', isForwarded = false }) {
    return new Promise((resolve) => {
      this.trap = { text, direction, mode, isForwarded, resolve };
    });
  }
}

async function relay(_require, { to }) {
  const itself = new Relay(to);
  const listener = await listening(itself.server);
  return {
    ...listener,
    close: () => {
      itself.set('cut');
      return listener.close();
    },
    set: ({ mode }) => itself.set(mode),
    when: (trap) => itself.when(trap),
  };
}

module.exports = { relay };
