/** `C:\` or `C:`, and `\\?\C:\` as programs write it for long paths. */
const onDrive = /^(?:[\\/]{2}[?.][\\/])?([A-Za-z]):(?:[\\/]+(.*))?$/s;

/**
 * What stands for an absolute path of Windows in a snapshot, where all paths have one root:
 * `/C/Users/ann` for `C:\Users\ann`. Undefined for what has no such form: relative paths, those of
 * one drive's own working directory (`C:x`), shares (`\\server\share`) and devices.
 */
export function snapshotPathOfWindows(path: string): string | undefined {
  const [whole, drive, rest = ''] = onDrive.exec(path) ?? [];
  if (whole === undefined || drive === undefined) return undefined;
  const parts = rest.split(/[\\/]+/).filter((part) => part !== '');
  return ['', drive.toUpperCase(), ...parts].join('/');
}

/**
 * What Windows calls a path of a snapshot; `/` itself and what is on no drive stay as they are.
 * `\\?\` switches off the limit of 260 characters and every other meaning that Windows gives to
 * names, such as that of `NUL` or of a dot at the end.
 */
export function windowsPathOf(path: string): string {
  const drive = /^\/([A-Za-z])(?=\/|$)/.exec(path)?.[1];
  if (drive === undefined) return path;
  return `\\\\?\\${drive.toUpperCase()}:\\${path.slice(3).replaceAll('/', '\\')}`;
}
