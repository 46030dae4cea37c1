/** The least there is: a server of Node alone. */
import { createServer } from 'node:http';

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end('{"ok":true}');
});
server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'));
