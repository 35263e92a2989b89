import type { Report } from '../report/markdown.ts';
import type { Row } from './row.ts';

/** What all sections are handed. */
export interface SectionContext {
  /** The source of the kernel, or what stands for it. */
  readonly source: string;
  /** A directory of large binaries; undefined: that section says so. */
  readonly binaries: string | undefined;
  /** For what is written; each section removes its own. */
  readonly scratch: string;
  readonly searchPath: string;
  readonly runs: number;
  /** 1; less makes smaller data sets, to try the whole out. */
  readonly scale: number;
  readonly signal: AbortSignal;
  readonly say: (line: string) => void;
}

/** What a section found. */
export interface SectionResult {
  readonly rows: readonly Row[];
  readonly reports: readonly Report[];
  /** The most memory of our own program, in bytes, by what it did. */
  readonly peaks: readonly Peak[];
}

export interface Peak {
  readonly what: string;
  readonly bytes: number;
}

/** A part of the table that is measured on its own: if it fails, the others are measured still. */
export interface Section {
  readonly name: string;
  readonly measure: (context: SectionContext) => Promise<SectionResult>;
}
