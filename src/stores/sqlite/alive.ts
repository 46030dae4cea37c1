/** The one definition of a session that is alive, as SQL over a row of `sessions`. */

/** `now`: the parameter that holds the instant; it stands there twice. */
export const isAlive = (now: ':now' | '?'): string => `(
  sessions.ended_at IS NULL AND sessions.idle_expires_at > ${now} AND sessions.absolute_expires_at > ${now}
  AND EXISTS (SELECT 1 FROM users WHERE users.id = sessions.user_id AND users.disabled_at IS NULL AND users.session_epoch <= sessions.epoch))`;
