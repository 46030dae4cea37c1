/** Loaded before a node: its wall clock is as far off as a file says, which may change while it runs. The monotonic clock stays right. */
import { readFileSync } from 'node:fs';

const file = process.env['FAULTS_CLOCK'];
const RealDate = Date;
let offset = 0;

function read() {
  try {
    offset = Number(readFileSync(file, 'utf8'));
  } catch {
    offset = 0;
  }
}

if (file !== undefined) {
  read();
  setInterval(read, 20).unref();
  globalThis.Date = class extends RealDate {
    constructor(...given) {
      if (given.length === 0) super(RealDate.now() + offset);
      else super(...given);
    }

    static now() {
      return RealDate.now() + offset;
    }
  };
}
