import type { CommandName } from '../options/option.ts';
import type { CommandModule } from '../session.ts';

/** Commands that run without the core and without configuration. */
export type PlainCommandName = 'help' | 'version' | 'completion';

/** What each command does, loaded when it runs. */
export const commandModules: Readonly<
  Record<Exclude<CommandName, PlainCommandName>, () => Promise<CommandModule>>
> = {
  init: () => import('./init.ts'),
  connect: () => import('./connect.ts'),
  backup: () => import('./backup.ts'),
  snapshots: () => import('./snapshots.ts'),
  ls: () => import('./ls.ts'),
  cat: () => import('./cat.ts'),
  restore: () => import('./restore.ts'),
  verify: () => import('./verify.ts'),
  heal: () => import('./heal.ts'),
  stats: () => import('./stats.ts'),
  doctor: () => import('./doctor.ts'),
  cost: () => import('./cost.ts'),
  status: () => import('./status.ts'),
  'mirror list': () => import('./mirror-list.ts'),
  'mirror add': () => import('./mirror-add.ts'),
  'mirror remove': () => import('./mirror-remove.ts'),
  'mirror status': () => import('./mirror-list.ts'),
  'mirror sync': () => import('./mirror-sync.ts'),
  'mirror set': () => import('./mirror-set.ts'),
  'catalog rebuild': () => import('./catalog-rebuild.ts'),
  'catalog verify': () => import('./catalog-verify.ts'),
  'catalog copy': () => import('./catalog-copy.ts'),
  'debug corrupt': () => import('./debug-corrupt.ts'),
  'key export': () => import('./key-export.ts'),
  'config show': () => import('./config-show.ts'),
  'config path': () => import('./config-path.ts'),
};

export function isPlainCommand(name: CommandName): name is PlainCommandName {
  return !Object.hasOwn(commandModules, name);
}
