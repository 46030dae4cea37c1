/** Who logs in at the servers of the other libraries, and how those say that they are ready. */
const [, , count] = process.argv;

export const users = Array.from({ length: Number(count) }, (_, index) => `user${String(index)}`);
export const password = 'correct horse battery staple';

process.on('SIGTERM', () => process.exit());
process.on('disconnect', () => process.exit());

export function serve(server, ready) {
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port, ...ready }));
}
