/** The tables and columns that a move takes from one store to another, named alike in both; and digests by which they are compared. */
import { sha256 } from '../crypto/digest.js';
import type { MovedRow, MovedTable } from '../model/store-move.js';

/** Each table of the schemas but `meta` and `migrations`, in full: a test compares. */
export const movedTables: readonly MovedTable[] = [
  {
    name: 'users',
    key: 'id',
    columns: {
      id: 'text',
      username: 'text',
      username_key: 'text',
      email: 'text',
      email_verified: 'flag',
      email_login_key: 'text',
      name: 'text',
      roles: 'json',
      profile: 'json',
      mfa_enabled: 'flag',
      password_hash: 'text',
      session_epoch: 'integer',
      authz_version: 'integer',
      disabled_at: 'integer',
      created_at: 'integer',
      updated_at: 'integer',
      search_text: 'text',
    },
    unique: ['username_key', 'email_login_key'],
  },
  {
    name: 'sessions',
    key: 'id',
    columns: {
      id: 'text',
      user_id: 'text',
      secret_digest: 'bytes',
      generation: 'integer',
      retired_at: 'integer',
      retirements: 'instants',
      late_double_generation: 'integer',
      delivery: 'text',
      remember: 'flag',
      epoch: 'integer',
      authenticated_at: 'integer',
      factors: 'json',
      device: 'text',
      created_at: 'integer',
      last_used_at: 'integer',
      idle_expires_at: 'integer',
      absolute_expires_at: 'integer',
      ended_at: 'integer',
      end_reason: 'text',
    },
    unique: [],
  },
  {
    name: 'api_keys',
    key: 'id',
    columns: {
      id: 'text',
      user_id: 'text',
      name: 'text',
      scopes: 'json',
      secret_digest: 'bytes',
      previous_digest: 'bytes',
      previous_until: 'integer',
      created_at: 'integer',
      rotated_at: 'integer',
      expires_at: 'integer',
      last_used_at: 'integer',
      revoked_at: 'integer',
      secret_used_at: 'integer',
    },
    unique: [],
  },
  {
    name: 'signing_keys',
    key: 'seq',
    columns: {
      seq: 'integer',
      kid: 'text',
      algorithm: 'text',
      public_jwk: 'json',
      sealed_private: 'bytes',
      created_at: 'integer',
      signs_from: 'integer',
      compromised_at: 'integer',
    },
    unique: ['kid'],
  },
  {
    name: 'revocations',
    key: 'seq',
    columns: {
      seq: 'integer',
      kind: 'text',
      subject: 'text',
      value: 'integer',
      revoked_at: 'integer',
      expires_at: 'integer',
    },
    unique: [],
  },
  {
    name: 'proofs',
    key: 'id',
    columns: {
      id: 'text',
      purpose: 'text',
      user_id: 'text',
      subject: 'text',
      secret_digest: 'bytes',
      code_digest: 'bytes',
      tries_left: 'integer',
      epoch: 'integer',
      sealed_content: 'bytes',
      created_at: 'integer',
      expires_at: 'integer',
      used_at: 'integer',
    },
    unique: [],
  },
  {
    name: 'totp_factors',
    key: 'user_id',
    columns: { user_id: 'text', sealed_secret: 'bytes', confirmed_at: 'integer', used_step: 'integer', created_at: 'integer' },
    unique: [],
  },
  {
    name: 'recovery_codes',
    key: 'id',
    columns: { id: 'text', user_id: 'text', code_digest: 'bytes' },
    unique: [],
  },
  {
    name: 'outbox',
    key: 'id',
    columns: {
      id: 'text',
      kind: 'text',
      sealed_payload: 'bytes',
      attempts: 'integer',
      created_at: 'integer',
      expires_at: 'integer',
      due_at: 'integer',
    },
    unique: [],
  },
  {
    name: 'counters',
    key: 'key',
    columns: { key: 'text', count: 'integer', resets_at: 'integer' },
    unique: [],
  },
  {
    name: 'events',
    key: 'position',
    columns: {
      position: 'integer',
      id: 'text',
      at: 'integer',
      type: 'text',
      user_id: 'text',
      session_id: 'text',
      actor_id: 'text',
      address: 'text',
      address_salt: 'bytes',
      address_digest: 'bytes',
      details: 'text',
      hash: 'bytes',
      checkpoint: 'bytes',
    },
    unique: ['id'],
  },
  {
    name: 'event_marks',
    key: 'name',
    columns: { name: 'text', position: 'integer', hash: 'bytes', signature: 'bytes' },
    unique: [],
  },
];

/** Of any number of rows in any order. */
export class RowsDigest {
  readonly #columns: readonly string[];
  #sum = 0n;
  rows = 0;

  constructor({ columns }: MovedTable) {
    this.#columns = Object.keys(columns);
  }

  add(rows: readonly MovedRow[]): this {
    for (const row of rows) {
      const text = JSON.stringify(this.#columns.map((column) => row[column]));
      this.#sum = BigInt.asUintN(64, this.#sum + sha256(Buffer.from(text)).readBigUInt64BE());
    }
    this.rows += rows.length;
    return this;
  }

  get text(): string {
    return this.#sum.toString(16).padStart(16, '0');
  }
}
