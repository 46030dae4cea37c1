/** How far clocks may be apart, and how much longer than a token that makes what judges it be kept. */

/** How far ahead of a verifier's clock the clock that a token was issued by may be, in seconds: an `iat` up to this much in the future is accepted. */
export const clockToleranceSeconds = 600;

/**
 * How much longer than the longest life of an access token revocations and signing keys are kept, in seconds. By the verifier's clock, a token
 * that was issued just before its revocation can be alive for its life and the tolerance, since the issuer's clock may be ahead. The row
 * expires by the clock of whoever wrote it, which may be behind by the tolerance as well. So it never goes before the token does.
 */
export const keptBeyondTokensSeconds: number = 2 * clockToleranceSeconds;
