/**
 * Cuts bytes into chunks where their content says so (docs/format.md section 8): FastCDC with
 * normalised chunking over a gear table that follows from the repository's chunker secret.
 *
 * Invariant: boundaries depend on the bytes, the secret and the sizes alone; never on threads, on
 * buffers, or on the pieces in which a file was read.
 */
export * from './chunker-params.ts';
export * from './gear-table.ts';
export * from './next-boundary.ts';
