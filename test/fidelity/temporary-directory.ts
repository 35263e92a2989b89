import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { byteStringFromText, type ByteString } from '../../src/core/base/index.ts';
import { joinPath } from '../../src/core/files/index.ts';

/** The bytes that the characters (0 to 255) of a text stand for. */
export function bytes(text: string): ByteString {
  if (/[^\p{ASCII}\u0080-\u00ff]/u.test(text)) throw new Error(`Not bytes: ${text}`);
  return text as ByteString;
}

/** A directory for a test, gone after `remove`. */
export class TemporaryDirectory {
  readonly root: ByteString;

  constructor() {
    const path = mkdtempSync(join(tmpdir(), 'versions-files-'));
    chmodSync(path, 0o755);
    this.root = byteStringFromText(path);
  }

  path(name: string): ByteString {
    return joinPath(this.root, bytes(name));
  }

  text(name: string): string {
    return this.path(name);
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
