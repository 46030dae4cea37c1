/** The page that the address names after `#/`, so that any server of files can serve it, and Back works. */
import { useSyncExternalStore } from 'react';

const pages = ['profile', 'devices', 'password', 'register'] as const;
export type PageName = (typeof pages)[number];

export function usePage(): PageName {
  const hash = useSyncExternalStore(subscribe, () => location.hash);
  return pages.find((page) => hash === `#/${page}`) ?? 'profile';
}

export function goTo(page: PageName): void {
  location.hash = `#/${page}`;
}

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
}
