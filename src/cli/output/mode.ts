import type { TreeEntry } from '../../core/index.ts';

type EntryKind = TreeEntry['kind'];

const letters: Readonly<Record<EntryKind, string>> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  'character-device': 'c',
  'block-device': 'b',
  socket: 's',
};

/** `drwxr-xr-x`, as `ls` writes it. */
export function formatMode(kind: EntryKind, mode: number): string {
  const bit = (value: number, letter: string): string => ((mode & value) === 0 ? '-' : letter);
  const last = (execute: number, special: number, letter: string): string => {
    if ((mode & special) === 0) return bit(execute, 'x');
    return (mode & execute) === 0 ? letter.toUpperCase() : letter;
  };
  return [
    letters[kind],
    bit(0o400, 'r') + bit(0o200, 'w') + last(0o100, 0o4000, 's'),
    bit(0o040, 'r') + bit(0o020, 'w') + last(0o010, 0o2000, 's'),
    bit(0o004, 'r') + bit(0o002, 'w') + last(0o001, 0o1000, 't'),
  ].join('');
}
