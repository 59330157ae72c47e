'use strict';
// Servers on free ports, whose connections can be ended.

/// Listens on `port`, or on a free one, and resolves to an object that can close and open again.
async function listening(server, port = 0) {
  const connections = new Set();
  server.on('connection', (connection) => {
    connections.add(connection);
    connection.on('close', () => connections.delete(connection));
  });
  const listen = (onPort) =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(onPort, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
  await listen(port);
  const actual = server.address().port;
  const endConnections = () => {
    for (const connection of connections) connection.destroy();
  };
  return {
    port: actual,
    endConnections,
    close() {
      const closed = new Promise((resolve) => server.close(resolve));
      endConnections();
      return closed;
    },
    reopen: () => listen(actual),
  };
}

module.exports = { listening };
