/** What snippets for web pages take for granted: `<!-- with: auth of the page -->`. Types only; nothing of it runs. */
import type { AuthClient } from 'countersign/client';
import type { ReactNode } from 'react';

export declare const auth: AuthClient;
/** The reader's own. */
export declare const Page: () => ReactNode;
