/** Runs the same tests against every way in which a request can reach the library. */
import { afterAll, beforeAll, describe } from 'vitest';
import { allCarriers, carriers, startApp, type AppOptions, type TestApp } from './start-app.js';

export interface Running {
  readonly app: TestApp;
}

export function overEachCarrier(title: string, tests: (running: Running) => void, options: AppOptions = {}): void {
  describe.each(carriers)(`${title} (%s)`, (carrier) => {
    tests(withApp({ ...options, carrier }));
  });
}

/** With the stand-alone server among them: for tests that need none of an application's own routes. */
export function overEveryCarrier(title: string, tests: (running: Running) => void, options: AppOptions = {}): void {
  describe.each(allCarriers)(`${title} (%s)`, (carrier) => {
    tests(withApp({ ...options, carrier }));
  });
}

/** One application for the tests of the `describe` it is called in. */
export function withApp(options: AppOptions = {}): Running {
  const current: { app?: TestApp } = {};
  beforeAll(async () => {
    current.app = await startApp(options);
  });
  afterAll(async () => {
    await current.app?.stop();
  });
  return {
    get app() {
      return current.app!;
    },
  };
}
