/** An endless run of bytes that is the same for the same seed. */
export interface ByteSource {
  /** Fills a buffer with the next bytes. */
  fill(buffer: Buffer): void;
}
