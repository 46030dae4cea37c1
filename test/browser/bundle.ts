/** Makes one script of an entry and all that it imports, as a bundler does for a page. */
import { build } from 'vite';
import { root } from '../docs/markdown.js';

/** For development: with all warnings of React. */
export async function bundle(entry: string): Promise<string> {
  const result = await build({
    root,
    configFile: false,
    logLevel: 'error',
    mode: 'development',
    define: { 'process.env.NODE_ENV': '"development"' },
    build: { write: false, minify: false, lib: { entry, formats: ['es'] } },
  });
  const [{ output }] = result as unknown as [{ output: [{ code: string }] }];
  return output[0].code;
}
