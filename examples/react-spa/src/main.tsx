/** Starts the page, with one client for all of it. */
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { createClient } from 'countersign/client';
import { AuthProvider } from 'countersign/react';
import { App } from './App';
import './style.css';

const auth = createClient({ baseUrl: import.meta.env.VITE_API });

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <AuthProvider client={auth}>
      <App />
    </AuthProvider>
  </StrictMode>,
);
