/** A real browser: Debian's Chromium, driven by playwright-core. */
import { existsSync } from 'node:fs';
import { chromium, type Browser, type BrowserContext } from 'playwright-core';

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));

/** Whether there is a browser to be tested with; says so, once for each test file, when there is none. */
export function hasChromium(): boolean {
  if (executablePath === undefined)
    console.warn(
      'Skipped: no Chromium on this machine. To run these tests: apt-get install -y --no-install-recommends chromium fonts-liberation',
    );
  return executablePath !== undefined;
}

const quiet = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
const alone = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** Every name is this machine, so that pages can be on hosts as they are in life. Certificates are our own. */
const ownNames = ['--host-resolver-rules=MAP *.test 127.0.0.1', '--ignore-certificate-errors'];

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath!, args: [...quiet, ...alone, ...ownNames] });
}

/** With a profile in a folder, as the browser of a person who closes and opens it. */
export function openProfile(folder: string): Promise<BrowserContext> {
  return chromium.launchPersistentContext(folder, { executablePath: executablePath!, args: [...quiet, ...alone, ...ownNames] });
}
