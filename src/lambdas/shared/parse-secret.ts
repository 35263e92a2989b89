import { VersionsError } from '../../core/index.ts';
import type { BucketKeys } from './surroundings.ts';

/** Reads `{"accessKeyId": "…", "secretAccessKey": "…"}`. An error never shows what the secret holds. */
export function parseSecret(name: string, text: string | undefined): BucketKeys {
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    throw invalid(name);
  }
  if (typeof value !== 'object' || value === null) throw invalid(name);
  const { accessKeyId, secretAccessKey }: Partial<Record<string, unknown>> = { ...value };
  if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string') throw invalid(name);
  // As it was made: nobody has filled it in yet.
  if (accessKeyId === '' || secretAccessKey === '') throw invalid(name);
  return { accessKeyId, secretAccessKey };
}

function invalid(name: string): VersionsError {
  return new VersionsError('Denied', 'SECRET_INVALID', `The secret ${name} holds no keys`, {
    hint: 'Fill it in: `aws secretsmanager put-secret-value --secret-id NAME --secret-string \'{"accessKeyId":"…","secretAccessKey":"…"}\'`',
    context: { name },
  });
}
