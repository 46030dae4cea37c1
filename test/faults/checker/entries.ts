/**
 * What a history holds: one JSON object a line, appended as it happens, each with its instant in milliseconds by the one monotonic clock of the
 * driver. Credentials and passwords appear as digests only, so that a history can be kept and shown.
 */

export type Digest = string;

export interface Begin {
  readonly kind: 'begin';
  readonly at: number;
  /** Milliseconds since 1970 at instant 0. */
  readonly wallAtZero: number;
  /** Until when a revocation must have reached every node. */
  readonly boundSeconds: number;
  /** The replay window of the servers. */
  readonly windowSeconds: number;
  /** How long after a fault requests may still fail. */
  readonly recoverySeconds: number;
  readonly users: readonly { readonly id: string; readonly password: Digest; readonly name: string }[];
}

/**
 * - `honest`: a client that does as documented, with what is its own.
 * - `echo`: the network sent an honest request a second time; its answer reached nobody.
 * - `probe`: a request that insists on one node, whether or not it is there.
 * - `thief`: somebody who presents what is not his, or is over.
 */
export type Role = 'honest' | 'echo' | 'probe' | 'thief';

/** `read` and `list` look, `write` sets the user's name. */
export type Act = 'login' | 'refresh' | 'logout' | 'password' | 'read' | 'write' | 'list';

export interface Request {
  readonly kind: 'request';
  readonly id: number;
  readonly at: number;
  readonly role: Role;
  readonly client: string;
  readonly act: Act;
  /** Whose account it is about. */
  readonly user: string;
  readonly access?: Digest;
  readonly refresh?: Digest;
  /** Of a login, and the current one of a change. */
  readonly password?: Digest;
  readonly newPassword?: Digest;
  readonly name?: string;
}

export interface Answer {
  readonly kind: 'answer';
  readonly id: number;
  readonly at: number;
  readonly node: string;
  readonly status: number;
  readonly code?: string;
  readonly issued?: Issued;
  /** Whose account the server says it is. */
  readonly user?: string;
  readonly name?: string;
  /** Whether it takes the refresh cookie away. */
  readonly clears?: boolean;
  /** Ids of the sessions that were listed. */
  readonly sessions?: readonly string[];
}

export interface Issued {
  readonly access: Digest;
  /** Claims of the access token; `exp` in seconds since 1970. */
  readonly sub: string;
  readonly sid: string;
  readonly exp: number;
  readonly refresh: Digest;
}

/** No answer: what became of the request is not known. */
export interface Loss {
  readonly kind: 'loss';
  readonly id: number;
  readonly at: number;
  readonly why: string;
}

export interface Fault {
  readonly kind: 'fault';
  readonly at: number;
  readonly fault: string;
  readonly state: 'begins' | 'ends';
}

/** From now on the clock of a node, or of every process that it is restarted as, is this much off. */
export interface ClockSet {
  readonly kind: 'clock';
  readonly at: number;
  readonly node: string;
  readonly offsetMilliseconds: number;
}

export type Entry = Begin | Request | Answer | Loss | Fault | ClockSet;

/** What the database holds when everything is over. */
export interface FinalState {
  readonly users: readonly { readonly id: string; readonly name: string | null }[];
  readonly sessions: readonly FinalSession[];
}

export interface FinalSession {
  readonly id: string;
  readonly user: string;
  /** How often it was rotated. */
  readonly generation: number;
  /** Why it is over; `epoch` when all sessions of its user were ended at once; null while it lives. */
  readonly ended: string | null;
}

export type Invariant = 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I10';

export interface Violation {
  readonly invariant: Invariant;
  readonly message: string;
  /** The request that shows it. */
  readonly request?: number;
}
