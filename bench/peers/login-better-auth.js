/** Logins by better-auth as it comes: its own scrypt, sessions in SQLite, `GET /me` by `getSession`. */
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { fromNodeHeaders, toNodeHandler } from 'better-auth/node';
import { requestText } from '../repeat-request.js';
import { openBetterAuth } from './better-auth-database.js';
import { password, users } from './login-users.js';
import { serve } from './serve.js';

const { options, close } = await openBetterAuth();
const auth = betterAuth({ ...options, emailAndPassword: { enabled: true } });
process.on('exit', close);

const emailOf = (user) => `${user}@example.com`;
for (const user of users) await auth.api.signUpEmail({ body: { name: user, email: emailOf(user), password } });
const { headers } = await auth.api.signInEmail({ body: { email: emailOf(users[0]), password }, returnHeaders: true });
const cookie = headers.getSetCookie().map((line) => line.slice(0, line.indexOf(';')));

const routes = toNodeHandler(auth);
const handler = async (request, response) => {
  if (request.url !== '/me') return routes(request, response);
  const session = await auth.api.getSession({ headers: fromNodeHeaders(request.headers) });
  response.statusCode = session === null ? 401 : 200;
  response.end(session?.user.id);
};
serve(createServer(handler), {
  logins: users.map((user) => requestText('POST', '/api/auth/sign-in/email', { body: { email: emailOf(user), password } })),
  me: requestText('GET', '/me', { headers: { cookie: cookie.join('; ') } }),
});
