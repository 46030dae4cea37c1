import jsqrModule from 'jsqr';
import { expect, test } from 'vitest';
import { qrCode } from './totp-qr.js';
import { totpUri } from './totp.js';

// Its types promise a default export, Node gives the module.
const readQr = jsqrModule as unknown as typeof jsqrModule.default;

/** The picture as a camera sees it, four pixels for each module. */
function photograph(svg: string): { readonly pixels: Uint8ClampedArray; readonly size: number } {
  const modules = Number(/viewBox="0 0 (\d+) \1"/.exec(svg)?.[1]);
  const size = modules * 4;
  const pixels = new Uint8ClampedArray(size * size * 4).fill(255);
  for (const [, x, y] of svg.matchAll(/M(\d+),(\d+)h1v1h-1z/g))
    for (let row = 0; row < 4; row += 1)
      for (let column = 0; column < 4; column += 1) {
        const at = ((Number(y) * 4 + row) * size + Number(x) * 4 + column) * 4;
        pixels.fill(0, at, at + 3);
      }
  return { pixels, size };
}

test.each(['ada', 'a'.repeat(254), 'Zoë & Søren <x> "y"'])('another program reads from it what was written: for %s', (account) => {
  const uri = totpUri(Buffer.from('12345678901234567890'), { issuer: 'app.example.com', account });
  const svg = qrCode(uri);
  expect(svg).toMatch(/^<svg [^<>]*><rect [^<>]*\/><path [^<>]*\/><\/svg>$/);
  const { pixels, size } = photograph(svg);
  expect(readQr(pixels, size, size)?.data).toBe(uri);
});
