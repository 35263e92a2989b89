import { VersionsError } from '../errors/index.ts';

/** No mirror that was asked has a good copy. */
export function noSource(key: string, reasons: readonly string[]): VersionsError {
  const why = reasons.length === 0 ? 'no other mirror was given' : reasons.join('; ');
  return new VersionsError('Corrupt', 'NO_GOOD_COPY', `No good copy of ${key} was found: ${why}`, {
    hint: 'Bring back mirrors that are absent, then run `versions heal` again',
    context: { key },
  });
}

/** What was written reads back as something else. */
export function writtenBadly(key: string, mirror: string, why: string): VersionsError {
  return new VersionsError(
    'Unavailable',
    'COPY_WRITTEN_BADLY',
    `Mirror ${mirror} does not give back what was written as ${key}: ${why}`,
    {
      hint: 'Check the disk or the connection of that mirror; `versions verify --level data` reads everything in it',
      context: { key, mirror },
    },
  );
}

/** The target may hold a good copy that cannot be read now: it is not written over. */
export function targetUnreadable(key: string, mirror: string, why: string): VersionsError {
  return new VersionsError(
    'Unavailable',
    'TARGET_UNREADABLE',
    `What mirror ${mirror} holds as ${key} cannot be read, so nothing is written over it: ${why}`,
    {
      hint: 'Make it readable, or move it away; then run `versions heal` again',
      context: { key, mirror },
    },
  );
}

/** A source may hold a good copy that cannot be read now: nothing is known to be lost. */
export function copyUnreadable(key: string, mirror: string, why: string): VersionsError {
  return new VersionsError(
    'Unavailable',
    'COPY_UNREADABLE',
    `What mirror ${mirror} holds as ${key} cannot be read now, and no other mirror has a good copy: ${why}`,
    {
      hint: 'Make it readable; then run `versions heal` again',
      context: { key, mirror },
    },
  );
}
