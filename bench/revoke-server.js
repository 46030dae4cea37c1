/** One of the two nodes that `revoke.js` measures. Arguments: the secret, the URL of the database, and of Redis where there is one. */
import { createServer } from 'node:http';
import { createAuth, masterSecret } from 'countersign';
import { nodeHandler } from 'countersign/node';
import { postgres } from 'countersign/postgres';
import { redis } from 'countersign/redis';

const [, , secret, database, bus] = process.argv;
process.on('SIGTERM', () => process.exit());
process.on('disconnect', () => process.exit());

const auth = await createAuth({
  publicUrl: 'http://localhost:4000',
  secret: masterSecret(secret),
  store: postgres(database),
  ...(bus !== undefined && { bus: redis(bus) }),
  limits: { login: 'insecure-off', api: 'insecure-off' },
});

/** An application's own route: nothing but who is asking. */
function answer(request, response) {
  try {
    response.end(auth.getPrincipal(request).userId);
  } catch (error) {
    response.statusCode = error.status;
    response.end(error.code);
  }
}

const routes = nodeHandler(auth);
const server = createServer((request, response) => {
  if (request.url === '/protected') answer(request, response);
  else routes(request, response);
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
