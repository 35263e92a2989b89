import { type ConfigEdit, rebuildCatalog, type Rebuilt } from '../../core/index.ts';
import { formatCounted } from '../output/measures.ts';
import type { CommandResult, Session } from '../session.ts';
import { changeConfiguration, checkConfigurationChange } from '../setup/change-configuration.ts';
import { lazySecret, writableRepository } from '../setup/open-session.ts';
import { makePrivateDirectories, placesOf } from '../setup/places.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { settings, io, context, output } = session;
  const configured = writableRepository(session);
  const to = settings.text('to');
  const edits: ConfigEdit[] = to === undefined ? [] : [{ kind: 'catalog', value: to }];
  await checkConfigurationChange(session, configured.name, edits);
  const places = placesOf(configured, settings, io, to);
  await makePrivateDirectories(places, io);
  // Before the progress display, which would draw over the question.
  const secret = await lazySecret(session, configured.name)();
  session.showProgress();
  const rebuilt = await rebuildCatalog(places, { secret, from: settings.text('from') }, context);
  await changeConfiguration(session, configured.name, edits);
  output.line(textOf(configured.name, rebuilt));
  if (rebuilt.recovered > 0) {
    output.note(
      'Snapshots marked (recovered) were found in packs: some of them may have been forgotten before.',
    );
  }
  return {
    exitCode: 0,
    summary: { repository: configured.name, catalog: places.catalog, ...rebuilt },
  };
}

function textOf(name: string, rebuilt: Rebuilt): string {
  const { entries, merged, packs, packsFound, packsRefused, snapshots, recovered } = rebuilt;
  const parts = [
    formatCounted(snapshots, 'snapshot') + (recovered > 0 ? ` (${recovered} recovered)` : ''),
    formatCounted(packs, 'pack') + (packsFound > 0 ? ` (${packsFound} found)` : ''),
    `${entries} journal ${entries === 1 ? 'entry' : 'entries'}`,
    ...(merged > 0 ? [`${merged} from beside the history`] : []),
    ...(packsRefused > 0 ? [`${formatCounted(packsRefused, 'pack')} left out`] : []),
  ];
  return `catalog of ${name} rebuilt: ${parts.join(', ')}`;
}
