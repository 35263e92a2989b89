import { renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Writes a small file of this machine's own, mode 0600, so that whoever reads it finds the old
 * content or the new one, also after the process was killed; with `flush`, after a power cut too.
 * Throws what the system says, and leaves nothing of the attempt behind.
 */
export function replaceFileSync(
  path: string,
  content: Uint8Array | string,
  options: { readonly flush?: boolean } = {},
): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, content, { mode: 0o600, flush: options.flush ?? false });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
