import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyCatalog } from '../../core/index.ts';
import { formatCounted } from '../output/measures.ts';
import type { CommandResult, Session } from '../session.ts';
import { lazySecret } from '../setup/open-session.ts';
import { placesOf } from '../setup/places.ts';

export async function run(session: Session): Promise<CommandResult> {
  const { settings, io, context, output, monitor } = session;
  const configured = session.configuredRepository();
  const secret = await lazySecret(session, configured.name)();
  monitor.exitCodeOfProblem = ({ kind }) => (kind === 'Corrupt' ? 20 : 3);
  session.showProgress();
  const cacheDir = await mkdtemp(join(tmpdir(), 'versions-'));
  try {
    const places = { ...placesOf(configured, settings, io), cacheDir };
    const verified = await verifyCatalog(places, { secret }, context);
    const { entries, packs, snapshots, findings, lost } = verified;
    output.line(
      [
        `catalog of ${configured.name}: ${entries} journal ${entries === 1 ? 'entry' : 'entries'}`,
        formatCounted(packs, 'pack'),
        formatCounted(snapshots, 'snapshot'),
        formatCounted(findings, 'finding'),
        `${lost} lost`,
      ].join(', '),
    );
    const exitCode = lost > 0 || monitor.hasLoss ? 21 : monitor.hasDamage ? 20 : 0;
    return { exitCode, summary: { repository: configured.name, ...verified } };
  } finally {
    await rm(cacheDir, { recursive: true, force: true });
  }
}
