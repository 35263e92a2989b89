/** What a scan has found so far. */
export interface ScanCounts {
  files: number;
  filesUnchanged: number;
  filesNew: number;
  filesChanged: number;
  dirs: number;
  others: number;
  /** Bytes of all files, and of those that are queued. */
  bytes: number;
  bytesQueued: number;
  problems: number;
}

export function noCounts(): ScanCounts {
  return {
    files: 0,
    filesUnchanged: 0,
    filesNew: 0,
    filesChanged: 0,
    dirs: 0,
    others: 0,
    bytes: 0,
    bytesQueued: 0,
    problems: 0,
  };
}
