/** What the page of routes says about each of them, beside what the table that answers requests says itself. */

/** By method and path of the table: what the route is for, how it answers, and the refusals that belong to it alone. */
export const notes = {
  'POST /auth/register': {
    title: 'Register',
    about:
      'Makes a user with the default role. Nobody is signed in by it. With a user name, an address that is taken is not told: the user is made, and signs in by his user name alone ([why](../adr/0023-email-addresses-with-mail.md)); the address is sent a link. By e-mail alone, where there is mail: 202 and nothing told; the user is made when the link is used. 404 `not_found` when registration is closed.',
    answers: '201 `{ user, message }`, or 202 `{ message }`',
    refusals: '409 `username_taken`; by e-mail alone, with `emailVerification` `optional`, 409 `conflict`',
  },
  'POST /auth/login': {
    title: 'Log in',
    about:
      'Opens a session. `identifier` is the user name or the address; `username` or `email` may be sent in its place. `remember` (default true): `false` gives cookies that end with the browser, and a session that ends after a day without use. A session that this browser has already is replaced.',
    answers:
      '200 `{ user, session, expiresIn }`, and beside them what the [delivery](../guide/delivery-modes.md) puts into the body; or, where a second factor is due, `{ mfaRequired: true, ticket, methods }`',
    refusals: '401 `invalid_credentials`, the same for an unknown user, a wrong password and a disabled account',
  },
  'POST /auth/login/mfa': {
    title: 'Log in, second half',
    about:
      'After a login that answered `mfaRequired`: the ticket of that answer, which is good once, for five minutes and five codes, and a code. `method` is `totp` for one of the authenticator app, `recovery` for a recovery code. `remember`, `delivery` and `deviceName` are those of the first half. [Guide](../guide/second-factors.md)',
    answers: '200, as login',
    refusals:
      '401 `mfa_code_invalid`, 400 `one_time_token_invalid`, 410 `one_time_token_used`, 410 `one_time_token_expired` (log in anew), 429 `too_many_attempts` after ten wrong codes of an account in an hour',
  },
  'POST /auth/refresh': {
    title: 'Refresh',
    about:
      'Gives new tokens for the refresh token, from its cookie or, in bearer mode, from the body; both at once are 400. With the cookie it wants `X-CSRF-Token`. `Authorization` is not looked at.',
    answers: '200, as login',
    refusals:
      '401 `refresh_token_missing`, 401 `refresh_token_invalid`, 401 `refresh_token_expired`, 401 `refresh_token_replayed`, 401 `session_revoked`, 403 `account_disabled`, 409 `refresh_superseded`',
  },
  'POST /auth/logout': {
    title: 'Log out',
    about:
      'Ends the session of the refresh token, and with it every access token of that session, whatever state its tokens are in. The token is read from its cookie or, in bearer mode, from the body; both at once are 400. With the cookie it wants `X-CSRF-Token`. Without a refresh cookie, or with one that is none of ours, it ends the session of the access cookie, if that one is still good (`X-CSRF-Token` again). With nothing that could be ended it answers 200 all the same. A browser is rid of its cookies with each 200; a refresh token in the body touches none. `Authorization` does not say which session is meant while there is a refresh token; a request that has nothing else ends the session of its access token, so that whoever is told that he is out is out.',
    answers: '200 `{ message }`',
    refusals:
      '401 `refresh_token_missing` for a bearer token without a refresh token, 401 `refresh_token_invalid` for a refresh token in the body that is none of ours',
  },
  'POST /auth/reauthenticate': {
    title: 'Prove again who one is (step-up)',
    about:
      'Replaces the session by one with fresh `authenticatedAt`. What `maxAge` and the sensitive routes ask for. By `password`, or by `method` and `code` of the second factor. Who has one needs the code for sensitive acts and for `factors: 2`: after the password alone the session counts as one factor.',
    answers: '200, as login',
    refusals: '401 `invalid_credentials`, 401 `mfa_code_invalid`',
  },
  'POST /auth/password': {
    title: 'Change the password',
    about: 'Ends all sessions of the user and gives this device a new one.',
    answers: '200, as login',
    refusals: '401 `invalid_credentials`, 400 `invalid_request` for the new password',
  },
  'POST /auth/mfa/totp': {
    title: 'Set up an authenticator app',
    about:
      'Answers the secret in base32, to be typed, the address that apps read, and that as a QR code in SVG. None of it is shown again. It counts for nothing until it is confirmed, within half an hour.',
    answers: '200 `{ secret, uri, qr }`',
    refusals: '409 `conflict` while an app is confirmed',
  },
  'POST /auth/mfa/totp/confirm': {
    title: 'Confirm the authenticator app',
    about:
      'By its first code. From now on nobody logs in without it; all sessions of the user end, and this device gets a new one. The recovery codes are in this answer and nowhere else.',
    answers: '200, as login, and `recoveryCodes`',
    refusals: '401 `mfa_code_invalid`, 409 `conflict` when none waits to be confirmed',
  },
  'DELETE /auth/mfa/totp': {
    title: 'Remove the authenticator app',
    about: 'And all recovery codes. All sessions of the user end, and this device gets a new one.',
    answers: '200, as login',
    refusals: '404 `not_found`',
  },
  'POST /auth/mfa/recovery-codes': {
    title: 'Make new recovery codes',
    about: 'Those before are good no more.',
    answers: '200 `{ recoveryCodes }`',
    refusals: '404 `not_found` without an authenticator app',
  },
  'GET /auth/email/verify': {
    title: 'The page that a link to confirm an address opens',
    about: 'HTML. Takes the token out of the fragment of its address; a button posts it. Changes nothing.',
    answers: '200, a page',
  },
  'POST /auth/email/verify': {
    title: 'Confirm an address',
    about:
      'By the `token` of a link, wherever it is opened: confirms the address, makes a new one the address of the account, or completes a registration. Or by a `code`, spaces in it ignored, where the person is signed in, with `X-CSRF-Token`; five tries. Nobody is signed in by it.',
    answers: '200 `{ message }`',
    refusals:
      '400 `one_time_token_invalid`, 410 `one_time_token_used`, 410 `one_time_token_expired`, 409 `conflict` for an address that another account has proved',
  },
  'POST /auth/email/verification': {
    title: 'Ask for another mail to confirm my address',
    about: 'Voids the one before.',
    answers: '202 `{ message }`',
    refusals: '409 `conflict` without an address, or with one that is confirmed',
  },
  'POST /auth/email': {
    title: 'Change my address',
    about: 'Sends a link and a code to the new one. Once it is confirmed, all other sessions end and the old address is told.',
    answers: '202 `{ message }`',
  },
  'POST /auth/password/forgot': {
    title: 'I forgot my password',
    about: 'Sends a link, good for an hour, if the address has an account; the answer does not tell.',
    answers: '202 `{ message }`, always',
  },
  'GET /auth/password/reset': {
    title: 'The page that a link to set a password opens',
    about: 'HTML, as for confirming an address. Changes nothing.',
    answers: '200, a page',
  },
  'POST /auth/password/reset': {
    title: 'Set a new password by a link',
    about: 'All sessions end, API keys are revoked, nobody is signed in. A password that is refused does not use the link up.',
    answers: '200 `{ message }`',
    refusals: '400 `one_time_token_invalid`, 410 `one_time_token_used`, 410 `one_time_token_expired`, 400 `invalid_request`',
  },
  'GET /auth/not-me': {
    title: 'The page that "this was not me" opens',
    about: 'HTML, as for confirming an address. Changes nothing.',
    answers: '200, a page',
  },
  'POST /auth/not-me': {
    title: 'This was not me',
    about:
      'By the link of a notice: all sessions end, API keys are revoked, everything pending is void, the account has the address again that the notice went to, and a link to set a new password is sent there. A second factor that was set up since is removed.',
    answers: '200 `{ message }`',
    refusals: '400 `one_time_token_invalid`, 410 `one_time_token_used`, 410 `one_time_token_expired`',
  },
  'GET /auth/development/mails': {
    title: 'The mailbox of development',
    about: 'HTML: the mails that were not sent because no mail server is set. Only in development, and only from this machine.',
    answers: '200, a page',
    refusals: '404 `not_found` everywhere else',
  },
  'GET /auth/session': {
    title: 'Am I signed in?',
    about:
      'To be a guest is no refusal: `user` and `session` are null then; with an access token that is over and a refresh cookie that is good also `refreshable: true` and `csrfToken`.',
    answers: '200 `{ user, session, csrfToken?, refreshable? }`',
    refusals:
      '400 `invalid_request` for a cookie that was sent twice, 503 `revocation_unavailable` for a good token while revocations cannot be read',
  },
  'GET /auth/sessions': { title: 'List my devices', about: 'Every live session of the user.', answers: '200 `{ items, nextCursor }`' },
  'DELETE /auth/sessions': {
    title: 'Log out everywhere else',
    about: 'Ends all sessions of the user but this one.',
    answers: '200 `{ message, ended }`',
  },
  'DELETE /auth/sessions/{id}': {
    title: 'Log out one device',
    about: 'Ends one session of the user.',
    answers: '200 `{ message }`',
    refusals: '404 `not_found`',
  },
  'GET /auth/events': {
    title: 'List what happened to my account',
    about:
      'The latest first, a second after it happened at most. `address` is from where I did it; where an administrator did, `byAdministrator` is true and the address is not told. In the query: `limit`, `cursor`, as for users. [Guide](../guide/events.md)',
    answers: '200 `{ items, nextCursor }`, each `{ id, type, at, sessionId, address, byAdministrator }`',
  },
  'GET /auth/api-keys': {
    title: 'List my API keys',
    about: 'Newest first, also those that are revoked or have expired, for 30 days. In the query: `limit`, `cursor`, as for users.',
    answers: '200 `{ items, nextCursor }`',
  },
  'POST /auth/api-keys': {
    title: 'Make an API key for myself',
    about:
      '`scopes` are permissions that one has by his roles; `revocations:read` is for administrators, and holds while they are that. `expiresIn` from 60 seconds to ten years, `null`: never; default 90 days. `secret` is what a program presents; it is in this answer and nowhere else. [Guide](../guide/api-keys.md)',
    answers: '201 `{ apiKey, secret }`',
    refusals: '409 `conflict` for the 51st',
  },
  'POST /auth/api-keys/{id}/rotate': {
    title: 'Give an API key a new secret',
    about:
      'The old one is accepted for `overlapSeconds` more: from 60 to a week, default a day. May be repeated when the answer was lost: a new secret that nobody has used is replaced, and the old one keeps its time.',
    answers: '201 `{ apiKey, secret }`',
    refusals: '404 `not_found`, 409 `conflict` for a key that is revoked, has expired, or was rotated meanwhile',
  },
  'DELETE /auth/api-keys/{id}': {
    title: 'Revoke an API key',
    about: 'For good. Holds on the next request; tokens made from it end too.',
    answers: '200 `{ message }`',
    refusals: '404 `not_found`',
  },
  'POST /auth/token': {
    title: 'Exchange an API key for an access token',
    about:
      'The client credentials grant (RFC 6749 section 4.4), as JSON or as `application/x-www-form-urlencoded`; unknown fields are ignored here. `scope` asks for less than the key has. The key stands in `Authorization`: `Bearer`, or `Basic` with its id as user name.',
    answers: '200 `{ access_token, token_type, expires_in, scope }`',
    refusals:
      '401 `token_missing`, 401 `token_invalid`, 401 `token_expired`, 401 `session_revoked`, 403 `account_disabled`, 403 `insufficient_scope`, 503 `overloaded` while too many keys are tried that are none; as `application/json`, with the `error` of RFC 6749 section 5.2 beside `code`',
  },
  'GET /users/me': { title: 'Read my account', about: 'From the store, not from the token.', answers: '200 `{ user }`' },
  'PATCH /users/me': {
    title: 'Change my account',
    about: 'Fields that are left out stay. `profile` holds the fields of the application itself; without `parseProfile` it is refused.',
    answers: '200 `{ user }`',
  },
  'DELETE /users/me': {
    title: 'Delete my account',
    about: 'Ends all sessions, deletes the user, clears the cookies.',
    answers: '200 `{ message }`',
    refusals: '409 `conflict` for the last administrator',
  },
  'GET /admin/users': {
    title: 'List users',
    about:
      'Newest first. In the query: `q` (part of a name or address), `limit` (1 to 200, default 50), `cursor` (the `nextCursor` of the page before).',
    answers: '200 `{ items, nextCursor }`; each item is a `user` with `disabled`',
  },
  'GET /admin/users/{id}': { title: 'Read a user', about: '', answers: '200 `{ user }`', refusals: '404 `not_found`' },
  'PATCH /admin/users/{id}': {
    title: 'Rename, disable or enable a user',
    about: 'Disabling ends all sessions of the user at once, and refuses his API keys until he is enabled.',
    answers: '200 `{ user }`',
    refusals: '404 `not_found`, 409 `conflict` for the last administrator',
  },
  'DELETE /admin/users/{id}': {
    title: 'Delete a user',
    about: '',
    answers: '200 `{ message }`',
    refusals: '404 `not_found`, 409 `conflict` for the last administrator',
  },
  'PUT /admin/users/{id}/roles': {
    title: 'Set the roles of a user',
    about: 'Replaces all of them. Holds on the next request: the old access token is answered with `token_expired`.',
    answers: '200 `{ user }`',
    refusals: '400 `invalid_request` for an unknown role, 404 `not_found`, 409 `conflict` for the last administrator',
  },
  'DELETE /admin/users/{id}/sessions': {
    title: 'End all sessions of a user',
    about: '',
    answers: '200 `{ message }`',
    refusals: '404 `not_found`',
  },
  'GET /admin/events': {
    title: 'List what happened',
    about:
      'The latest first. In the query: `user`, `type`, `from` and `to` (ISO 8601; from that instant on, and before it), `limit`, `cursor`. [Guide](../guide/events.md)',
    answers: '200 `{ items, nextCursor }`, each `{ id, position, type, at, userId, sessionId, actorId, address, details }`',
  },
  'GET /admin/api-keys': {
    title: 'List all API keys',
    about: 'As one lists his own; `user` in the query: only those of this id.',
    answers: '200 `{ items, nextCursor }`',
  },
  'POST /admin/users/{id}/api-keys': {
    title: 'Make an API key for a service account',
    about:
      'As for oneself, for a user who has no password; whoever has one makes his keys himself. `scopes` are permissions of that user, or `revocations:read`.',
    answers: '201 `{ apiKey, secret }`',
    refusals: '404 `not_found`, 409 `conflict` for a user who has a password, is disabled, or has 50 keys',
  },
  'DELETE /admin/api-keys/{id}': {
    title: 'Revoke any API key',
    about: '',
    answers: '200 `{ message }`',
    refusals: '404 `not_found`',
  },
  'GET /.well-known/jwks.json': {
    title: 'Public keys',
    about: 'The key set (RFC 7517) with which other services verify access tokens.',
    answers: '200 `{ keys }`',
  },
  'GET /.well-known/countersign': {
    title: 'Issuer metadata',
    about: 'In the terms of RFC 8414 where it has them.',
    answers: '200 `{ issuer, jwks_uri, token_endpoint, api_base, audience, … }`',
  },
  'GET /.well-known/countersign/revocations': {
    title: 'Revocation feed',
    about:
      'Everything that was revoked and is still in force, and then what is revoked from now on, as server-sent events. Read by `countersign/verify`; `Last-Event-ID` resumes.',
    answers: '200 `text/event-stream`, which does not end by itself',
    refusals:
      '401 `token_missing` `token_invalid` `token_expired` `session_revoked`, 403 `insufficient_scope`, 429 `too_many_attempts`, 503',
  },
};
