/** The script of the page that `react.test.ts` serves. */
import { createClient, type SerializedState } from 'countersign/client';
import { AuthProvider } from 'countersign/react';
import { createElement as h, StrictMode } from 'react';
import { hydrateRoot } from 'react-dom/client';
import { Page } from './react-page.js';

const initialState = JSON.parse(document.getElementById('session')!.textContent) as SerializedState;
const client = createClient({ initialState });
globalThis.auth = client;
hydrateRoot(document.getElementById('root')!, h(StrictMode, null, h(AuthProvider, { client, initialState }, h(Page))), {
  onRecoverableError: (error) => console.error('hydration', error),
});
globalThis.isReady = true;
