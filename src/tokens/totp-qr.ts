/** What an authenticator app reads with the camera: the address of `totpUri` as a QR code. */
import { renderSVG } from 'uqr';

/** An SVG picture, black on white, with the quiet zone of four modules that readers need (ISO/IEC 18004). Nothing in it but rectangles. */
export function qrCode(uri: string): string {
  return renderSVG(uri, { ecc: 'M', border: 4, pixelSize: 1 });
}
