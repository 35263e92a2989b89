import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildApp } from '../build-app.ts';
import type { Deployment } from '../deployment-type.ts';

/** Another file than `cdk/deployment.ts`, for a second deployment from one clone. */
const file = resolve(
  process.env['VERSIONS_DEPLOYMENT'] ?? `${import.meta.dirname}/../deployment.ts`,
);
const loaded: unknown = await import(pathToFileURL(file).href);
if (!hasDeployment(loaded)) throw new Error(`${file} exports no "deployment"`);
buildApp(loaded.deployment, { account: process.env['CDK_DEFAULT_ACCOUNT'] }).app.synth();

/** The type checker has looked at the file already, if its author let it; the rest is checked later. */
function hasDeployment(value: unknown): value is { readonly deployment: Deployment } {
  return typeof value === 'object' && value !== null && 'deployment' in value;
}
