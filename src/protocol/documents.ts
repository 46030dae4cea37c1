/** What answers hold. Instants are ISO 8601 UTC; `expiresIn` is seconds. */
import type { ErrorCode } from './error-codes.js';

export interface UserDocument {
  readonly id: string;
  readonly username: string | null;
  readonly email: string | null;
  readonly emailVerified: boolean;
  readonly name: string | null;
  readonly roles: readonly string[];
  readonly mfaEnabled: boolean;
  readonly createdAt: string;
  /** Only where the application has fields of its own. */
  readonly profile?: object;
}

/** What administrators see beside it. */
export interface AdminUserDocument extends UserDocument {
  readonly disabled: boolean;
}

export interface SessionDocument {
  readonly id: string;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly authenticatedAt: string;
  readonly expiresAt: string;
  readonly current: boolean;
  readonly device: string;
  readonly delivery: 'cookie' | 'memory' | 'bearer';
}

/** Answer of login, refresh, reauthenticate, change password and of what changes the second factor. */
export interface SignedInDocument {
  readonly user: UserDocument;
  readonly session: SessionDocument;
  /** Cookie and memory mode. */
  readonly csrfToken?: string;
  /** Memory and bearer mode. */
  readonly accessToken?: string;
  /** Bearer mode. */
  readonly refreshToken?: string;
  readonly tokenType?: 'Bearer';
  readonly expiresIn: number;
}

/** Answer of login where a second factor is due: `ticket` is for `login/mfa`, and for nothing else. */
export interface FactorDueDocument {
  readonly mfaRequired: true;
  readonly ticket: string;
  readonly methods: readonly ('totp' | 'recovery')[];
}

/** Answer of setting up an authenticator app: the only one that ever holds its secret, in base32, as an `otpauth:` address, and that as a QR code (SVG). */
export interface TotpEnrolmentDocument {
  readonly secret: string;
  readonly uri: string;
  readonly qr: string;
}

/** The only answers that ever hold recovery codes. */
export interface RecoveryCodesDocument {
  readonly recoveryCodes: readonly string[];
}

/** Answer of `GET auth/session`. `refreshable`: there is a session, only its access token is missing or over. */
export interface CurrentSessionDocument {
  readonly user: UserDocument | null;
  readonly session: SessionDocument | null;
  readonly csrfToken?: string;
  readonly refreshable?: true;
}

export interface ApiKeyDocument {
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: string;
  readonly rotatedAt: string | null;
  /** Null: never. */
  readonly expiresAt: string | null;
  /** To the minute; null: not yet. */
  readonly lastUsedAt: string | null;
  readonly revokedAt: string | null;
  /** Until when the secret before the last rotation is accepted. */
  readonly previousSecretUntil: string | null;
}

/** Answer of creating and rotating a key: the only one that ever holds its secret. */
export interface IssuedApiKeyDocument {
  readonly apiKey: ApiKeyDocument;
  readonly secret: string;
}

/** Answer of the token endpoint, in the words of RFC 6749 section 5.1. */
export interface ClientTokenDocument {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  readonly expires_in: number;
  readonly scope: string;
}

/** What happened to one's own account. */
export interface EventDocument {
  readonly id: string;
  readonly type: string;
  readonly at: string;
  /** Id of the session, or of the API key. */
  readonly sessionId: string | null;
  /** Null where somebody else did it, and where it is not kept. */
  readonly address: string | null;
  readonly byAdministrator: boolean;
}

/** What administrators see of what happened to anybody. */
export interface AdminEventDocument {
  readonly id: string;
  /** In the chain. */
  readonly position: number;
  readonly type: string;
  readonly at: string;
  readonly userId: string | null;
  readonly sessionId: string | null;
  /** Who did it, when that is not the user himself. */
  readonly actorId: string | null;
  /** Of whoever did it; null when it is not known, or erased. */
  readonly address: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface ListDocument<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

export interface MessageDocument {
  readonly message: string;
}

/** Every refusal (RFC 9457). */
export type OAuthErrorCode =
  'invalid_request' | 'invalid_client' | 'unsupported_grant_type' | 'invalid_scope' | 'temporarily_unavailable' | 'server_error';

export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail?: string;
  readonly errors?: readonly { readonly path: string; readonly code: string; readonly message: string }[];
  readonly requestId: string;
  /** Only where OAuth clients ask (RFC 6749 section 5.2). */
  readonly error?: OAuthErrorCode;
}
