#!/usr/bin/env node
import { existsSync } from 'node:fs';

if (!existsSync(new URL('../dist/cli/main.js', import.meta.url))) {
  console.error('countersign is not built yet. Run: npm run build');
  process.exit(1);
}
await import('../dist/cli/main.js');
