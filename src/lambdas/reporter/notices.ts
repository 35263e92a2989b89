import { createHash } from 'node:crypto';
import type { Ledger } from '../../core/index.ts';
import type { Health } from './look-at-health.ts';

/** Something that somebody has to know. */
export interface Notice {
  readonly subject: string;
  readonly text: string;
  /** Stays the same while nothing changes, so that it is sent once. */
  readonly about: string;
}

const listedMax = 20;

/** What is worth a message. Healed copies are not: they stand in the ledger and in the metrics. */
export function noticesOf(
  deployment: string,
  health: Health,
  absent: readonly string[],
): readonly Notice[] {
  const notices: Notice[] = [];
  const add = (subject: string, about: readonly string[], lines: readonly string[]): void => {
    notices.push({
      subject: `Versions ${deployment}: ${subject}`,
      text: [...lines, '', 'versions status shows how things stand now.'].join('\n'),
      about: `${subject.replace(/\d+ /, '')}: ${about.toSorted().join(' ')}`,
    });
  };
  const { lost, breakers, silent } = health;
  if (lost.length > 0) {
    add(`${lost.length} objects have no good copy`, lost, [
      'No mirror has a good copy of these objects. Everything else is not affected.',
      ...shown(lost),
      '',
      'Do not delete anything. On a machine with the key, run: versions heal',
    ]);
  }
  if (breakers.length > 0) {
    add(`healing has stopped in ${breakers.join(', ')}`, breakers, [
      'So many copies there are damaged that something else than rot is at work: a wrong bucket, a wrong key, or somebody who overwrites them.',
      'Nothing there is written over until you have looked. Missing copies are still brought back.',
    ]);
  }
  if (absent.length > 0) {
    add(`${absent.join(', ')} cannot be reached`, absent, [
      'These mirrors do not show their marker: the bucket is gone, the keys are not valid any more, or the provider does not answer.',
      'Backups go on with the others; what this one lacks is brought to it when it is back.',
    ]);
  }
  if (silent.length > 0) {
    add(
      `${silent.length} clients are silent`,
      silent.map(({ writer }) => writer),
      [
        'These machines have saved before, but not for longer than they should:',
        ...shown(silent.map(({ writer, hours }) => `${writer}: ${hours} hours`)),
      ],
    );
  }
  return notices;
}

function shown(items: readonly string[]): readonly string[] {
  const rest = items.length - listedMax;
  return [
    ...items.slice(0, listedMax).map((item) => `  ${item}`),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ];
}

const remindedAfterMs = 7 * 24 * 60 * 60 * 1000;
const eventsMax = 1000;

/** Those that were not sent within the last week: the events of the ledger are the memory. */
export async function unsent(
  notices: readonly Notice[],
  ledger: Pick<Ledger, 'events'>,
  now: number,
): Promise<readonly Notice[]> {
  if (notices.length === 0) return [];
  const sent = new Set(
    (await ledger.events(eventsMax))
      .filter(({ kind, at }) => kind === 'reported' && at <= now && at > now - remindedAfterMs)
      .map(({ detail }) => detail),
  );
  return notices.filter((notice) => !sent.has(detailOf(notice)));
}

/** What is kept of a notice: its subject, and a short name of what it is about. */
export function detailOf({ subject, about }: Notice): string {
  const digest = createHash('sha256').update(about).digest('hex').slice(0, 16);
  return `${subject} [${digest}]`;
}
