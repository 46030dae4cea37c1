/** What a flow needs: the resolved configuration, the store, keys, time, randomness, and where events go. */
import type { SecretRing } from '../crypto/master-secret.js';
import type { PasswordHasher } from '../crypto/password-hash.js';
import type { Random } from '../crypto/random.js';
import type { EmitEvent } from '../events/emit-event.js';
import type { Postbox } from '../mail/postbox.js';
import type { Clock } from '../model/app-types.js';
import type { AuthConfig } from '../model/config.js';
import type { OpenStore, UserRecord } from '../model/store.js';
import type { AccessTokenRules } from '../tokens/access-token.js';
import type { KeyRing } from '../tokens/key-ring.js';
import type { IsBreachedPassword } from './breached-passwords.js';

export interface FlowContext {
  readonly config: AuthConfig;
  readonly store: OpenStore;
  readonly secrets: SecretRing;
  readonly passwords: PasswordHasher;
  /** Always false where no range service is set. */
  readonly isBreachedPassword: IsBreachedPassword;
  readonly random: Random;
  readonly clock: Clock;
  /** When this process learned its secrets, by `clock`. */
  readonly startedAt: number;
  readonly accessRules: AccessTokenRules;
  readonly emit: EmitEvent;
  readonly postbox: Postbox;
  ring(): KeyRing;
  /** The store told of an end that another process brought about: when it resolves, this one refuses the access tokens, too. Never rejects. */
  learnRevocations(): Promise<void>;
  /** The application's public facts for the token; undefined when it has none. */
  claimsOf(user: UserRecord): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** The application's own fields, checked. @throws {AuthError} `invalid_request`. */
  parseProfile(input: unknown): object;
  beforeRegister(input: { username: string | null; email: string | null; profile: object }): Promise<void>;
}
