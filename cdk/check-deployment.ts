import type { Deployment, MirrorDeployment } from './deployment-type.ts';

const mirrorsMax = 8;
const namePattern = /^[a-z][a-z0-9-]{1,18}[a-z0-9]$/;
const mirrorPattern = /^[a-z]([a-z0-9-]{0,18}[a-z0-9])?$/;
const regionPattern = /^[a-z]{2}(-[a-z]+)+-\d$/;
const bucketPattern = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const prefixPattern = /^[A-Za-z0-9_.=-]+(\/[A-Za-z0-9_.=-]+)*$/;

/** Throws one error that names everything wrong in a deployment, before anything is made of it. */
export function checkDeployment(deployment: Deployment): void {
  const { name, region, mirrors, verification, notification } = deployment;
  const names = mirrors.map((mirror) => mirror.name);
  const wrong = [
    ...unless(namePattern.test(name), `name "${name}": 3 to 20 of a-z, 0-9 and -`),
    ...unless(regionPattern.test(region), `region "${region}" is no region of AWS`),
    ...unless(mirrors.length > 0 && mirrors.length <= mirrorsMax, `1 to ${mirrorsMax} mirrors`),
    ...unless(new Set(names).size === names.length, 'two mirrors have one name'),
    ...mirrors.flatMap((mirror) => faultsOfMirror(mirror, verification.maxAgeDays)),
    ...unless(isBetween(verification.everyMinutes, 1, 1440), 'everyMinutes: 1 to 1440'),
    ...unless(isBetween(verification.maxAgeDays, 1, 3650), 'maxAgeDays: 1 to 3650'),
    ...unless(verification.bytesPerRunMax > 0, 'bytesPerRunMax must be above 0'),
    ...unless(verification.dollarsPerRunMax > 0, 'dollarsPerRunMax must be above 0'),
    ...unless(
      isBetween(verification.verifiersPerMirror ?? 2, 2, 1000),
      'verifiersPerMirror: 2 to 1000',
    ),
    ...unless(isBetween(notification.silentAfterHours, 1, 87_600), 'silentAfterHours: 1 to 87600'),
  ];
  if (wrong.length > 0) throw new Error(`deployment.ts cannot be deployed: ${wrong.join('; ')}`);
}

function faultsOfMirror(mirror: MirrorDeployment, maxAgeDays: number): readonly string[] {
  const of = `mirror "${mirror.name}"`;
  const common = unless(mirrorPattern.test(mirror.name), `${of}: 1 to 20 of a-z, 0-9 and -`);
  if (mirror.kind === 'other') {
    return [
      ...common,
      ...unless(mirror.url.startsWith('s3://'), `${of}: its URL must begin with s3://`),
      ...unless(!mirror.url.includes('@'), `${of}: keys do not belong into its URL`),
    ];
  }
  const { bucket, prefix, region, objectLock } = mirror;
  return [
    ...common,
    ...unless(bucket === undefined || bucketPattern.test(bucket), `${of}: no name of a bucket`),
    ...unless(prefix === undefined || prefixPattern.test(prefix), `${of}: no valid prefix`),
    ...unless(region === undefined || regionPattern.test(region), `${of}: no region of AWS`),
    ...unless(
      objectLock === undefined || isBetween(objectLock.days, 1, 36_500),
      `${of}: objectLock of 1 to 36500 days`,
    ),
    ...unless(
      objectLock === undefined || objectLock.days > maxAgeDays,
      `${of}: objectLock must be longer than maxAgeDays, or it ends before it is renewed`,
    ),
    ...unless(
      objectLock === undefined || bucket === undefined,
      `${of}: object lock is set on a bucket when it is made; "${bucket}" exists`,
    ),
  ];
}

function unless(isRight: boolean, text: string): readonly string[] {
  return isRight ? [] : [text];
}

function isBetween(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}
