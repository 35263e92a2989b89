import { readFile } from 'node:fs/promises';
import {
  errorMessage,
  isConfigName,
  type MirrorConfig,
  parseS3Url,
  VersionsError,
} from '../../core/index.ts';
import type { Session } from '../session.ts';

/** What a deployment says about the repository that is to be made, or taken up, in it. */
export interface DeployedPlaces {
  readonly name: string;
  readonly catalog: string;
  readonly mirrors: readonly MirrorConfig[];
}

const outputName = 'Repository';

/**
 * What `--from-cdk-outputs FILE` says; undefined without the flag. The file is what
 * `cdk deploy --outputs-file` writes. Throws `Usage` (CDK_OUTPUTS_INVALID).
 */
export async function deployedPlaces({
  settings,
  operands,
}: Session): Promise<DeployedPlaces | undefined> {
  const file = settings.text('from-cdk-outputs');
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw invalid(file, `cannot be read: ${errorMessage(error)}`);
  }
  return chosen(file, parseCdkOutputs(file, text), operands[0]);
}

/** The deployments in a file of outputs, of which other stacks may be part. */
export function parseCdkOutputs(file: string, text: string): readonly DeployedPlaces[] {
  const stacks = Object.values(fieldsOf(file, parseJson(file, text)));
  return stacks.flatMap((stack) => {
    const value = fieldsOf(file, stack)[outputName];
    return typeof value === 'string' ? [placesIn(file, parseJson(file, value))] : [];
  });
}

function chosen(
  file: string,
  deployments: readonly DeployedPlaces[],
  wanted: string | undefined,
): DeployedPlaces {
  const [first, ...others] = deployments;
  if (first === undefined) {
    throw invalid(file, `has no output named ${outputName}, so it is of other stacks`);
  }
  const meant = deployments.find(({ name }) => name === wanted);
  if (meant !== undefined || others.length === 0) return meant ?? first;
  const names = deployments.map(({ name }) => name).join(', ');
  throw invalid(file, `is of several deployments, so NAME has to be one of ${names}`);
}

function placesIn(file: string, value: unknown): DeployedPlaces {
  const { name, catalog, mirrors } = fieldsOf(file, value);
  if (typeof name !== 'string' || typeof catalog !== 'string' || !Array.isArray(mirrors)) {
    throw invalid(file, `has an output ${outputName} that names no catalog or no mirrors`);
  }
  return { name, catalog, mirrors: mirrors.map((mirror) => mirrorIn(file, mirror)) };
}

function mirrorIn(file: string, value: unknown): MirrorConfig {
  const { name, url } = fieldsOf(file, value);
  if (typeof name !== 'string' || !isConfigName(name) || typeof url !== 'string') {
    throw invalid(file, 'has a mirror without a name or without a URL');
  }
  parseS3Url(url);
  return { name, url };
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(file, `is no JSON: ${errorMessage(error)}`);
  }
}

function fieldsOf(file: string, value: unknown): Partial<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) throw invalid(file, 'is not a list of outputs');
  return { ...value };
}

function invalid(file: string, what: string): VersionsError {
  return new VersionsError('Usage', 'CDK_OUTPUTS_INVALID', `The file ${file} ${what}`, {
    hint: 'make it with `npx cdk deploy --all --outputs-file cdk-outputs.json`; docs/deploy.md shows how',
    context: { file },
  });
}
