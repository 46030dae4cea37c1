/** Rotates the signing keys by command. */
import type { EmitEvent } from '../events/emit-event.js';
import type { KeyRotation } from '../tokens/key-rotation.js';

/** Without `compromised` nobody notices; with it every access token counts as expired at once. */
export async function rotateKeys(
  { keys, emit }: { readonly keys: KeyRotation; readonly emit: EmitEvent },
  how: Parameters<KeyRotation['rotate']>[0],
): Promise<void> {
  await keys.rotate(how);
  emit('keys.rotated', { reason: how?.compromised === true ? 'compromised' : 'by command' });
}
