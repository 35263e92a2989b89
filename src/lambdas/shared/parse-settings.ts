import { VersionsError } from '../../core/index.ts';
import { settingsVariable, type WorkerMirror, type WorkerSettings } from './worker-settings.ts';

type Fields = Partial<Record<string, unknown>>;

/** Reads the settings of a function. Throws `Usage` (code WORKER_SETTINGS_INVALID). */
export function parseSettings(text: string | undefined): WorkerSettings {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    throw invalid('it is no JSON');
  }
  const fields = fieldsOf(value);
  const { mirrors } = fields;
  if (!Array.isArray(mirrors) || mirrors.length === 0) throw invalid('it has no mirrors');
  const { own, topic } = fields;
  return {
    deployment: textOf(fields, 'deployment'),
    catalog: textOf(fields, 'catalog'),
    mirrors: mirrors.map(mirrorOf),
    ...(own === undefined ? {} : { own: textOf(fields, 'own') }),
    ...(topic === undefined ? {} : { topic: textOf(fields, 'topic') }),
    maxAgeDays: numberOf(fields, 'maxAgeDays'),
    bytesPerRunMax: numberOf(fields, 'bytesPerRunMax'),
    dollarsPerRunMax: numberOf(fields, 'dollarsPerRunMax'),
    silentAfterHours: numberOf(fields, 'silentAfterHours'),
  };
}

function mirrorOf(value: unknown): WorkerMirror {
  const fields = fieldsOf(value);
  const optional = (name: 'secret' | 'verifyQueue' | 'healQueue'): Partial<WorkerMirror> =>
    fields[name] === undefined ? {} : { [name]: textOf(fields, name) };
  return {
    name: textOf(fields, 'name'),
    url: textOf(fields, 'url'),
    price: textOf(fields, 'price'),
    ...optional('secret'),
    ...optional('verifyQueue'),
    ...optional('healQueue'),
  };
}

function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw invalid('it is no object');
  return { ...value };
}

function textOf(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw invalid(`"${name}" is missing`);
}

function numberOf(fields: Fields, name: string): number {
  const value = fields[name];
  if (typeof value === 'number' && value > 0) return value;
  throw invalid(`"${name}" is no number above 0`);
}

function invalid(why: string): VersionsError {
  return new VersionsError(
    'Usage',
    'WORKER_SETTINGS_INVALID',
    `${settingsVariable} is not what a deployment writes: ${why}`,
    { hint: 'Deploy again: `npx cdk deploy --all`' },
  );
}
