/** Opens a page that has made its client. */
import type { AuthClient } from 'countersign/client';
import type { BrowserContext, Page } from 'playwright-core';

declare global {
  var auth: AuthClient, firstState: AuthClient['state'], seen: string[], isReady: boolean;
}

export async function openPage(context: BrowserContext, url: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => globalThis.isReady);
  return page;
}
