/**
 * The real servers that tests run against, on this machine alone: two MinIOs, versitygw and
 * DynamoDB Local.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { installRuntimeClient } from './programs.ts';
import type { ServiceName } from './service.ts';
import {
  environmentOf,
  installServices,
  isServiceName,
  serviceNames,
  startServices,
} from './services.ts';

const usage = `Usage:
  node test/services/main.ts install [NAME…]            build or fetch programs into the cache
  node test/services/main.ts start [NAME…]              run until Ctrl-C; prints the addresses
  node test/services/main.ts run [NAME…] -- CMD [ARG…]  run CMD beside them; its exit code is the result

NAME: ${serviceNames.join(', ')}; all, unless named. Without a name, the program
with which AWS Lambda runs functions is installed too.
CMD finds the addresses in variables: VERSIONS_TEST_MINIO_1=http://127.0.0.1:PORT and so on, the
directories of their data in VERSIONS_TEST_MINIO_1_DATA, process ids in VERSIONS_TEST_MINIO_1_PID;
credentials and region in the variables that AWS SDKs read.
Programs are kept in $VERSIONS_SERVICES_CACHE, else $XDG_CACHE_HOME/versions-services.
`;

class UsageError extends Error {}

async function main([action, ...rest]: readonly string[]): Promise<number> {
  const dashes = rest.indexOf('--');
  const names = namesOf(dashes < 0 ? rest : rest.slice(0, dashes));
  const command = dashes < 0 ? [] : rest.slice(dashes + 1);
  if (action === 'install' && dashes < 0) {
    const programs = await installServices(names);
    for (const { file, args } of programs) console.log([file, ...args].join(' '));
    if (rest.length === 0) console.log(await installRuntimeClient());
    return 0;
  }
  if (action === 'start' && dashes < 0) return start(names);
  if (action === 'run' && command.length > 0) return run(names, command);
  throw new UsageError(usage);
}

function namesOf(texts: readonly string[]): readonly ServiceName[] {
  return texts.length === 0
    ? serviceNames
    : texts.map((text) => {
        if (!isServiceName(text)) throw new UsageError(`There is no service ${text}\n\n${usage}`);
        return text;
      });
}

async function start(names: readonly ServiceName[]): Promise<number> {
  await using services = await startServices(names);
  for (const [name, value] of Object.entries(environmentOf(services))) {
    console.log(`export ${name}=${value}`);
  }
  console.log('# They run until this program is ended (Ctrl-C)');
  await stopAsked();
  return 0;
}

async function run(names: readonly ServiceName[], command: readonly string[]): Promise<number> {
  await using services = await startServices(names);
  const [program = '', ...args] = command;
  const env = { ...process.env, ...environmentOf(services) };
  const child = spawn(program, args, { env, stdio: 'inherit' });
  void stopAsked().then(() => child.kill('SIGTERM'));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

async function stopAsked(): Promise<void> {
  // A promise alone keeps no process alive.
  const keep = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => resolve());
    }
  });
  clearInterval(keep);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
// What `run` waits for besides its command is of no more use.
process.exit();
