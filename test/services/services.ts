import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installDynamodb, installMinio, installVersitygw, type Program } from './programs.ts';
import { credentials, Service, type ServiceKind, type ServiceName } from './service.ts';

const minio: ServiceKind = {
  install: installMinio,
  args: ({ port, data }) => ['server', '--quiet', '--address', `127.0.0.1:${port}`, data],
  env: {
    MINIO_ROOT_USER: credentials.accessKeyId,
    MINIO_ROOT_PASSWORD: credentials.secretAccessKey,
    // Else it would take any.
    MINIO_SITE_REGION: credentials.region,
    MINIO_BROWSER: 'off',
    MINIO_UPDATE: 'off',
  },
  readyPath: '/minio/health/ready',
};

const versitygw: ServiceKind = {
  install: installVersitygw,
  args: ({ port, data }) => {
    const [versions, users] = [`${data}-versions`, `${data}-users`];
    for (const directory of [versions, users]) mkdirSync(directory, { recursive: true });
    const access = ['--access', credentials.accessKeyId, '--secret', credentials.secretAccessKey];
    const listen = ['--port', `127.0.0.1:${port}`, '--region', credentials.region, '--quiet'];
    return [...listen, ...access, '--iam-dir', users, 'posix', '--versioning-dir', versions, data];
  },
  readyPath: '/',
};

const dynamodb: ServiceKind = {
  install: installDynamodb,
  args: ({ port, data }) => {
    const listen = ['-port', String(port), '-disableTelemetry'];
    return [...listen, '-sharedDb', '-dbPath', data];
  },
  readyPath: '/',
};

const kinds: Readonly<Record<ServiceName, ServiceKind>> = {
  'minio-1': minio,
  'minio-2': minio,
  versitygw,
  dynamodb,
};

export const serviceNames: readonly ServiceName[] = ['minio-1', 'minio-2', 'versitygw', 'dynamodb'];

export function isServiceName(name: string): name is ServiceName {
  return Object.hasOwn(kinds, name);
}

/** Services that run. Disposing of them ends them and removes their data. */
export interface Services extends AsyncDisposable {
  readonly all: readonly Service[];
  get(name: ServiceName): Service;
}

/** Makes sure that the programs are there. One build at a time: each takes all processors. */
export async function installServices(names: readonly ServiceName[]): Promise<Program[]> {
  const programs: Program[] = [];
  for (const name of names) programs.push(await kinds[name].install());
  return programs;
}

/** Installs what is not there yet and starts it, each with empty data of its own. */
export async function startServices(names: readonly ServiceName[]): Promise<Services> {
  const programs = await installServices(names);
  const root = mkdtempSync(join(tmpdir(), 'versions-services-'));
  const all = names.map((name, index) => {
    const program = programs[index];
    if (program === undefined) throw new Error(`${name} is not installed`);
    const directory = join(root, name);
    mkdirSync(directory);
    return new Service(name, kinds[name], { program, directory });
  });
  const end = async (): Promise<void> => {
    await Promise.allSettled(all.map((service) => service.stop()));
    rmSync(root, { recursive: true, force: true });
  };
  const started = await Promise.allSettled(all.map((service) => service.start()));
  const failed = started.find((result) => result.status === 'rejected');
  if (failed !== undefined) {
    await end();
    throw failed.reason;
  }
  return {
    all,
    get: (name) => {
      const service = all.find((candidate) => candidate.name === name);
      if (service === undefined) throw new Error(`${name} was not started`);
      return service;
    },
    [Symbol.asyncDispose]: end,
  };
}

/** What a program needs to know to use the services; also as the variables that SDKs read. */
export function environmentOf(services: Services): Record<string, string> {
  const endpoints = services.all.map(({ name, endpoint, data, pid }) => {
    const variable = `VERSIONS_TEST_${name.toUpperCase().replaceAll('-', '_')}`;
    return [
      [variable, endpoint],
      [`${variable}_DATA`, data],
      [`${variable}_PID`, String(pid)],
    ] as const;
  });
  return {
    ...Object.fromEntries(endpoints.flat()),
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    AWS_REGION: credentials.region,
    // So that nothing of the developer's own gets in.
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}
