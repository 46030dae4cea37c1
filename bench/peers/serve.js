/** What every server of another library does beside its work: tells its port and its requests, what it has used when asked, and ends when told. */

process.on('SIGTERM', () => process.exit());
process.on('disconnect', () => process.exit());
process.on('message', () => process.send(process.cpuUsage()));

export function serve(server, ready) {
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port, ...ready }));
}
