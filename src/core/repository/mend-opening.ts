import { verifyKeyless } from '../heal/index.ts';
import { openPlaces, type Context, type RepositoryPlaces } from './context.ts';

/**
 * Mends what a repository cannot be opened without, `config` and keys, and everything else that is
 * not a pack, without opening it. Returns how many copies were mended.
 */
export async function mendOpening(
  places: RepositoryPlaces,
  { by }: { readonly by: string },
  context: Context,
): Promise<number> {
  const { clock, monitor, signal } = context;
  const stores = await openPlaces(places.mirrors, { create: false, readOnly: false }, context);
  const heal = { dryRun: false };
  const options = { level: 'structure', heal, by, clock, monitor, signal } as const;
  return (await verifyKeyless(stores, options)).healed?.mended ?? 0;
}
