/** `countersign/react`: the session for React 18 and newer, in the page and on the server. */
import {
  createContext,
  createElement,
  Fragment,
  useContext,
  useEffect,
  useMemo,
  useState,
  useSyncExternalStore,
  type ReactNode,
} from 'react';
import type { AuthClient, ClientAppTypes, ClientState, SerializedState } from './client-types.js';
import { readInitialState } from './initial-state.js';

export interface AuthProviderProps {
  /** Made once, outside all components. */
  readonly client: AuthClient;
  /** What the server rendered the page with; the page begins with the same, then with what its client knows: give it to `createClient`, too. Default: `loading`. */
  readonly initialState?: SerializedState;
  readonly children?: ReactNode;
}

interface Provided {
  readonly client: AuthClient;
  readonly subscribe: (listener: () => void) => () => void;
  readonly initialState: ClientState;
}

const Context = createContext<Provided | null>(null);

/** Around all that asks who is signed in. */
export function AuthProvider({ client, initialState, children }: AuthProviderProps): ReactNode {
  const [first] = useState(() => readInitialState(initialState));
  const value = useMemo(
    () => ({ client, subscribe: (listener: () => void) => client.subscribe(listener), initialState: first }),
    [client, first],
  );
  return createElement(Context.Provider, { value }, children);
}

function useProvided(): Provided {
  const provided = useContext(Context);
  if (provided === null) throw new Error('There is no <AuthProvider> around this component.');
  return provided;
}

/** The client: `login`, `logout`, `fetch` … @throws {Error} outside an `AuthProvider`. */
export function useAuth<App extends ClientAppTypes = ClientAppTypes>(): AuthClient<App> {
  return useProvided().client as unknown as AuthClient<App>;
}

/** Who is signed in; renders again when that changes, in whatever tab. @throws {Error} outside an `AuthProvider`. */
export function useSession<App extends ClientAppTypes = ClientAppTypes>(): ClientState<App> {
  const { client, subscribe, initialState } = useProvided();
  return useSyncExternalStore(
    subscribe,
    () => client.state,
    () => initialState,
  );
}

export interface SignedInProps<App extends ClientAppTypes = ClientAppTypes> {
  readonly children?: ReactNode;
  /** Shown to guests, as a login form. Default: nothing. */
  readonly fallback?: ReactNode;
  /** Shown until it is known. Default: nothing. */
  readonly loading?: ReactNode;
  /** Any of them; who has none sees `forbidden`. What a page hides is no protection: the server decides with `authenticate`. */
  readonly roles?: readonly App['role'][];
  readonly forbidden?: ReactNode;
  /** Called when a guest is here: to lead him to a login page. */
  readonly onGuest?: () => void;
}

/** Guard: shows its children to signed-in users only, and anew when the user is another one: they keep no state across that. */
export function SignedIn<App extends ClientAppTypes = ClientAppTypes>(props: SignedInProps<App>): ReactNode {
  const session = useSession<App>();
  const { onGuest } = props;
  const isGuest = session.status === 'guest';
  useEffect(() => {
    if (isGuest) onGuest?.();
  }, [isGuest, onGuest]);
  if (session.status === 'guest') return props.fallback ?? null;
  if (session.status === 'loading') return props.loading ?? null;
  const { roles } = props;
  if (roles !== undefined && session.user === null) return props.loading ?? null;
  const isAllowed = roles === undefined || session.user?.roles.some((role) => roles.includes(role)) === true;
  // What one user's components have loaded is not shown to the next one.
  return isAllowed ? createElement(Fragment, { key: session.userKey }, props.children) : (props.forbidden ?? null);
}
