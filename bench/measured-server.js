/** What a server process under load tells the process that loads it: its port, the headers that let a request in, and the processor time that it has used. */

/** @param {import('node:http').Server} server @param {Record<string, string>} headers */
export async function offer(server, headers) {
  // Nobody sends anything while it is another server's turn.
  server.keepAliveTimeout = 0;
  server.headersTimeout = 0;
  server.requestTimeout = 0;
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send({ microseconds: user + system });
  });
  process.on('SIGTERM', () => process.exit());
  process.on('disconnect', () => process.exit());
  if (!server.listening) await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  process.send({ port: server.address().port, headers });
}
