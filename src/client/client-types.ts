/** The face of the browser client. */
import type { UserDocument } from '../protocol/documents.js';
import type { ErrorCode } from '../protocol/error-codes.js';

/** Your application's own vocabulary, as it was given to `createAuth` on the server. */
export interface ClientAppTypes {
  role: string;
  profile: object;
}

export interface ClientOptions {
  /** Where the server is; relative addresses are resolved against it. Default: this page's own address. */
  baseUrl?: string;
  /** Default `cookie`: no script sees a token. `memory`: the access token is kept in the page's memory, for APIs on hosts that get no cookie. */
  delivery?: 'cookie' | 'memory';
  /** Further origins that may see the session's tokens. All others are refused by `fetch`. */
  apiOrigins?: readonly string[];
  /** First path segment of the server's own routes. Default `/api`. */
  basePath?: `/${string}`;
  /** What the server's cookies begin with, where it is not `cs`. */
  cookiePrefix?: string;
  /** For whom the server has rendered this page: spares asking for the user. Believed only where the companion cookie says that he is signed in. */
  initialState?: SerializedState;
}

/** What the server tells of the user. Instants are ISO 8601. */
export type ClientUser<App extends ClientAppTypes = ClientAppTypes> = Omit<UserDocument, 'roles' | 'profile'> & {
  readonly roles: readonly App['role'][];
  /** Only where the application has fields of its own. */
  readonly profile?: App['profile'];
};

/**
 * `loading`: not known yet; only where the server's cookies belong to another host, until it has answered. `user` is null after a reload
 * until somebody subscribes: the page knows that there is a session, the server who it is. `expiresAt`: when the session ends if it is not used.
 */
export type ClientState<App extends ClientAppTypes = ClientAppTypes> =
  | { readonly status: 'loading' }
  | { readonly status: 'guest' }
  | {
      readonly status: 'authenticated';
      readonly user: ClientUser<App> | null;
      readonly expiresAt: Date;
      /** Another number as soon as it may be another user, also while `user` is null: the key of whatever holds data of one user. */
      readonly userKey: number;
    };

/** A state as a server makes it for a page, before or after `JSON.stringify`; `user` may be what `auth.users.get` gives there. */
export type SerializedState<App extends ClientAppTypes = ClientAppTypes> =
  | Exclude<ClientState<App>, { status: 'authenticated' }>
  | { readonly status: 'authenticated'; readonly user: SerializedUser<App> | null; readonly expiresAt: string | Date };

type SerializedUser<App extends ClientAppTypes> = Omit<ClientUser<App>, 'createdAt'> & { readonly createdAt: string | Date };

/** A refusal is a value that can be shown, or translated by its code. `errors` names fields (`password`). */
export type Result<Value> =
  | { readonly ok: true; readonly value: Value }
  | {
      readonly ok: false;
      readonly code: ErrorCode;
      readonly message: string;
      readonly errors: readonly { readonly path: string; readonly code: string; readonly message: string }[];
      /** When to try again, after 429 and 503. */
      readonly retryAfterSeconds?: number;
    };

export interface RegisterInput<App extends ClientAppTypes = ClientAppTypes> {
  username?: string;
  email?: string;
  password: string;
  name?: string;
  profile?: App['profile'];
}

export interface LoginInput {
  /** User name or e-mail address. */
  identifier: string;
  password: string;
  /** Whether the session outlives the browser window. Default true. */
  remember?: boolean;
  /** How the device is called in the list of sessions. Default: made of the browser's name. */
  deviceName?: string;
}

/** Of an authenticator app, or one of the recovery codes. */
export interface FactorCode {
  method: 'totp' | 'recovery';
  code: string;
}

/** Signed in, or on the way: a second factor is due. */
export type LoginValue<App extends ClientAppTypes = ClientAppTypes> =
  | { readonly user: ClientUser<App>; readonly mfaRequired?: never }
  | { readonly mfaRequired: true; readonly ticket: string; readonly methods: readonly FactorCode['method'][] };

/** `message` says to the person what was done. */
export type MailResult = Result<{ readonly message: string }>;

/** All methods may be taken off the client: `const { fetch } = auth`. Those that give a `Result` reject only when the network is broken. */
export interface AuthClient<App extends ClientAppTypes = ClientAppTypes> {
  /** Known at once, without a request, where the companion cookie can be read. The same object until something changes. */
  readonly state: ClientState<App>;
  /** Calls `listener` after each change, also when another tab made it. Gives the function that ends it. */
  subscribe(listener: (state: ClientState<App>) => void): () => void;
  /** Does not sign in. `user` is null where an address must be confirmed first. */
  register(input: RegisterInput<App>): Promise<Result<{ readonly user: ClientUser<App> | null }>>;
  login(input: LoginInput): Promise<Result<LoginValue<App>>>;
  /** The second half of a login that answered `mfaRequired`: with its ticket, and a code. */
  loginWithFactor(input: { ticket: string } & FactorCode): Promise<Result<{ readonly user: ClientUser<App> }>>;
  /** This session, or with `everywhere` all sessions of the user. When it was not possible, the user is signed in still: say so. */
  logout(options?: { everywhere?: boolean }): Promise<Result<null>>;
  /** Proves again who is there, for what answers `step_up_required`. */
  reauthenticate(input: { password: string } | FactorCode): Promise<Result<{ readonly user: ClientUser<App> }>>;
  /** Ends all other sessions of the user. Proves again who is there, should that be asked for: the current password does. */
  changePassword(input: { currentPassword: string; newPassword: string }): Promise<Result<{ readonly user: ClientUser<App> }>>;
  /** Has a mail sent with a link to set a new password. The answer is the same whether or not the address has an account. */
  forgotPassword(input: { email: string }): Promise<MailResult>;
  /** With the token of that link, once somebody has typed a password: never when the page loads. Ends all sessions of the user, does not sign in. */
  resetPassword(input: { token: string; newPassword: string }): Promise<MailResult>;
  /** Has the mail sent once more that confirms the address. */
  sendVerification(): Promise<MailResult>;
  /** With the token of a link, when somebody has pressed something; or with the code of the same mail, where the user is signed in. */
  verifyEmail(input: { token: string } | { code: string }): Promise<MailResult>;
  /** Has a mail sent to the new address, which counts once it is confirmed. `step_up_required`: `reauthenticate` first, and again. */
  changeEmail(input: { newEmail: string }): Promise<MailResult>;
  /** Asks the server who is signed in: after something about the user was changed. Rejects when the network is broken. */
  reload(): Promise<ClientState<App>>;
  /**
   * As `fetch`, to `baseUrl` and `apiOrigins` only: adds the CSRF token or the access token, refreshes once for all tabs and repeats what met
   * `token_expired`. A body that is a stream can be sent once: it is not repeated, but sent with a token that is fresh.
   * @throws {TypeError} for another origin; as `fetch`, when the network is broken.
   */
  fetch(input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Lets go of timers, listeners and the channel to other tabs. */
  close(): void;
}
