import { rename } from 'node:fs/promises';
import { type ConfigEdit, copyCatalog, VersionsError } from '../../core/index.ts';
import { formatCounted } from '../output/measures.ts';
import type { CommandResult, Session } from '../session.ts';
import { changeConfiguration, checkConfigurationChange } from '../setup/change-configuration.ts';
import { lazySecret, writableRepository } from '../setup/open-session.ts';
import { makePrivateDirectories, placesOf } from '../setup/places.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { settings, io, context, output } = session;
  const configured = writableRepository(session);
  const to = settings.text('to');
  if (to === undefined) {
    throw new VersionsError('Usage', 'USAGE', 'It was not said where the catalog is to be', {
      hint: 'versions catalog copy --to URL; versions help catalog copy shows examples',
    });
  }
  const edits: ConfigEdit[] = [{ kind: 'catalog', value: to }];
  await checkConfigurationChange(session, configured.name, edits);
  const before = placesOf(configured, settings, io);
  const after = placesOf(configured, settings, io, to);
  await makePrivateDirectories(before, io);
  await makePrivateDirectories(after, io);
  const secret = await lazySecret(session, configured.name)();
  session.showProgress();
  const copied = await copyCatalog(before, { secret, to }, context);
  await changeConfiguration(session, configured.name, edits);
  await moveCache(before.cacheDir, after.cacheDir);
  output.line(
    `catalog of ${configured.name} copied to ${to}: ${formatCounted(copied.snapshots, 'snapshot')}, ${copied.entries} journal ${copied.entries === 1 ? 'entry' : 'entries'}`,
  );
  output.note(
    `The old one, ${before.catalog}, can only be read. Other machines need catalog = ${JSON.stringify(to)} in their configuration.`,
  );
  return {
    exitCode: 0,
    summary: { repository: configured.name, from: before.catalog, to, ...copied },
  };
}

/** It belongs to the same history; lost, it is merely made again. */
async function moveCache(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch {
    // One is there already, or the file system does not want to.
  }
}
