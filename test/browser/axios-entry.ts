/** The script of the page that `axios.test.ts` serves: as the guide shows it. */
import axios from 'axios';
import { createClient } from 'countersign/client';

const auth = createClient();
const api = axios.create({ adapter: 'fetch', env: { fetch: auth.fetch } });

globalThis.auth = auth;
globalThis.api = api;
globalThis.isReady = true;
