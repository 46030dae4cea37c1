/** What refresh is in better-auth: `get-session` that renews the session each time, without rotation. Second argument: PostgreSQL, or else SQLite. */
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { toNodeHandler } from 'better-auth/node';
import { openBetterAuth } from './better-auth-database.js';
import { password, users } from './login-users.js';
import { serve } from './serve.js';

const { options, close } = await openBetterAuth(process.argv[3]);
process.on('exit', close);
const auth = betterAuth({
  ...options,
  emailAndPassword: { enabled: true },
  session: { updateAge: 0 },
});

const sessions = [];
for (const user of users) {
  const body = { name: user, email: `${user}@example.com`, password };
  const { headers } = await auth.api.signUpEmail({ body, returnHeaders: true });
  sessions.push({ cookies: headers.getSetCookie().map(nameAndValue) });
}
serve(createServer(toNodeHandler(auth)), { sessions, request: { method: 'GET', path: '/api/auth/get-session' } });

function nameAndValue(line) {
  const at = line.indexOf('=');
  return [line.slice(0, at), line.slice(at + 1, line.indexOf(';'))];
}
