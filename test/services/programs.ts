import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cached } from './cache.ts';

/** How to run a program once it is installed. */
export interface Program {
  readonly file: string;
  /** What comes before the arguments of the service. */
  readonly args: readonly string[];
}

const minioVersion = 'v0.0.0-20260212201848-7aac2a2c5b7c';
const versitygwVersion = 'v1.7.0';
const dynamodbVersion = '3.1.0';
const runtimeClientVersion = '4.0.2';
const nodeHeadersVersion = '1.9.0';
/** Where the SQLite inside looks for its native code. */
const nativePathProperty = ['sqlite4java', 'library', 'path'].join('.');

/** MinIO, built from its last source: an S3 server with real conditions, versions and locks. */
export async function installMinio(): Promise<Program> {
  return goProgram('minio', 'github.com/minio/minio', minioVersion);
}

/** versitygw, an S3 server that keeps objects as plain files: what is damaged there, it serves. */
export async function installVersitygw(): Promise<Program> {
  return goProgram('versitygw', 'github.com/versity/versitygw/cmd/versitygw', versitygwVersion);
}

/** DynamoDB Local. Its licence allows to use it in tests, not to pass it on: it is fetched. */
export async function installDynamodb(): Promise<Program> {
  const directory = await cached(`dynamodb-local-${dynamodbVersion}`, async (work) => {
    writeFileSync(join(work, 'pom.xml'), projectOf(dynamodbVersion));
    const libraries = `-DoutputDirectory=${join(work, 'lib')}`;
    await run('mvn', ['-q', '-B', 'dependency:copy-dependencies', libraries], { directory: work });
  });
  const libraries = join(directory, 'lib');
  const launcher = fileURLToPath(new URL('dynamodb-on-loopback.java', import.meta.url));
  const args = ['-Xmx1g', `-D${nativePathProperty}=${libraries}`];
  return { file: 'java', args: [...args, '-cp', `${libraries}/*`, launcher] };
}

/**
 * The program with which AWS Lambda runs functions of Node.js: as it comes from npm, its native part
 * compiled here against the headers of Node-API alone, so that nothing else is fetched. Needs cmake,
 * make and g++.
 */
export async function installRuntimeClient(): Promise<string> {
  const directory = await cached(`aws-lambda-ric-${runtimeClientVersion}`, async (work) => {
    const dependencies = {
      'aws-lambda-ric': runtimeClientVersion,
      'node-api-headers': nodeHeadersVersion,
    };
    writeFileSync(join(work, 'package.json'), JSON.stringify({ private: true, dependencies }));
    const silent = ['--no-audit', '--no-fund', '--ignore-scripts', '--omit=dev'];
    await run('npm', ['install', ...silent], { directory: work });
    const client = join(work, 'node_modules/aws-lambda-ric');
    await run('sh', ['scripts/preinstall.sh'], { directory: client });
    // Included, and nothing in them used: they are part of no package.
    const unused = join(work, 'unused');
    mkdirSync(unused);
    for (const name of ['node.h', 'uv.h', 'v8.h']) writeFileSync(join(unused, name), '');
    const built = join(client, 'deps/artifacts');
    const includes = [
      unused,
      join(work, 'node_modules/node-addon-api'),
      join(work, 'node_modules/node-api-headers/include'),
      join(built, 'include'),
    ].map((path) => `-I${path}`);
    const libraries = ['libaws-lambda-runtime.a', 'libcurl.a'].map((name) =>
      join(built, 'lib', name),
    );
    const native = ['-std=c++17', '-O1', '-fPIC', '-shared', '-DNODE_GYP_MODULE_NAME=rapid_client'];
    await run(
      'g++',
      [
        ...native,
        ...includes,
        'src/native/rapid-client.cc',
        ...libraries,
        '-pthread',
        '-o',
        'rapid-client.node',
      ],
      { directory: client },
    );
    const kept = join(work, 'client');
    mkdirSync(kept);
    for (const name of ['index.mjs', 'package.json', 'rapid-client.node']) {
      copyFileSync(join(client, name), join(kept, name));
    }
    // Nothing else of what was fetched and built is needed to run it.
    rmSync(join(work, 'node_modules'), { recursive: true });
  });
  return join(directory, 'client/index.mjs');
}

async function goProgram(name: string, module: string, version: string): Promise<Program> {
  const directory = await cached(`${name}-${version}`, async (work) => {
    const binaries = join(work, 'bin');
    mkdirSync(binaries);
    const env = { GOBIN: binaries, CGO_ENABLED: '0' };
    await run('go', ['install', `${module}@${version}`], { directory: work, env });
  });
  return { file: join(directory, 'bin', name), args: [] };
}

function projectOf(version: string): string {
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId>
  <artifactId>services</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>software.amazon.dynamodb</groupId>
      <artifactId>DynamoDBLocal</artifactId>
      <version>${version}</version>
    </dependency>
  </dependencies>
</project>
`;
}

/** Runs a program to its end; throws, with the end of what it said, if it fails. */
async function run(
  program: string,
  args: readonly string[],
  {
    directory,
    env = {},
  }: { readonly directory: string; readonly env?: Readonly<Record<string, string>> },
): Promise<void> {
  const child = spawn(program, args, {
    cwd: directory,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  const hear = (text: string): void => {
    said = (said + text).slice(-4000);
  };
  child.stdout.setEncoding('utf8').on('data', hear);
  child.stderr.setEncoding('utf8').on('data', hear);
  const failure = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : `it ended with ${code ?? signal}\n${said}`),
    );
  });
  if (failure !== undefined) throw new Error(`${program} ${args.join(' ')}: ${failure}`);
}
