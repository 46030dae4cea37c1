/** `countersign/client`: the session in a web page, which nobody has to think of. */
export { resultOf } from './answers.js';
export { createClient } from './create-client.js';
export type {
  AuthClient,
  ClientAppTypes,
  ClientOptions,
  ClientState,
  ClientUser,
  LoginInput,
  LoginValue,
  MailResult,
  RegisterInput,
  Result,
  SerializedState,
} from './client-types.js';
