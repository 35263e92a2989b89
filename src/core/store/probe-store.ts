import { bytesEqual, toHex } from '../base/index.ts';
import { isVersionsError } from '../errors/index.ts';
import { ForwardingStore } from './forwarding-store.ts';
import type { ObjectStore } from './object-store.ts';
import { type ProbeAnswer, type ProbeOptions, probeQuestions } from './probe-answer.ts';
import { probeBucket } from './probe-bucket.ts';
import { S3Store } from './s3-store.ts';

type Ask = () => Promise<Omit<ProbeAnswer, 'question'>>;

/**
 * Finds out what a place does of what Versions asks of it, by doing it: under a name that begins
 * with `quarantine/probe-`, and everything is removed again as far as that is allowed. Only for a
 * place that may be written to. What fails is an answer, not an error, but for being stopped.
 */
export async function probeStore(
  store: ObjectStore,
  options: ProbeOptions,
): Promise<readonly ProbeAnswer[]> {
  const prefix = `quarantine/probe-${toHex(options.random.bytes(8))}/`;
  const answers: ProbeAnswer[] = [];
  const ask = async (question: ProbeAnswer['question'], about: Ask): Promise<void> => {
    answers.push({ question, ...(await answerOf(about)) });
  };
  try {
    await askStore(store, { prefix, ask }, options);
    // Where nothing can be written, there is nothing more to learn.
    const isWritable = answers.some(
      ({ question, state }) => question === 'write' && state === 'good',
    );
    const bucket = bucketIn(store);
    if (bucket && isWritable) answers.push(...(await probeBucket(bucket, prefix, options)));
    if (isWritable && options.speedBytes > 0) await askSpeed(store, { prefix, ask }, options);
  } finally {
    await removeAll(store, prefix);
  }
  const order = (answer: ProbeAnswer): number => probeQuestions.indexOf(answer.question);
  return answers.toSorted((one, other) => order(one) - order(other));
}

interface Asking {
  readonly prefix: string;
  readonly ask: (question: ProbeAnswer['question'], about: Ask) => Promise<void>;
}

async function askStore(
  store: ObjectStore,
  { prefix, ask }: Asking,
  { random, signal, clock }: ProbeOptions,
): Promise<void> {
  const bytes = random.bytes(1000);
  const begun = clock.elapsed();
  // `-` sorts before `/`, and that before digits: not every list is in the order of bytes.
  const keys = ['x-1', 'x/1', 'x0'].map((name) => prefix + name);
  const [key = ''] = keys;
  let isWritten = false;
  await ask('write', async () => {
    for (const each of keys) await store.put(each, [bytes], { signal });
    isWritten = true;
    return good('works');
  });
  // All else would only say again that nothing is there.
  if (!isWritten) return;
  await ask('read', async () =>
    judged(bytesEqual(await store.get(key, { signal }), bytes), 'gives what was written'),
  );
  const calls = clock.elapsed() - begun;
  await ask('latency', async () => fact(`${Math.ceil(calls / 4)} ms a call`));
  await ask('ranges', async () => {
    const middle = await store.get(key, { range: { offset: 10, length: 20 }, signal });
    const last = await store.get(key, { range: { offset: 990, length: 20 }, signal });
    const beyond = await store.get(key, { range: { offset: 1000, length: 1 }, signal });
    const isRight =
      bytesEqual(middle, bytes.subarray(10, 30)) &&
      bytesEqual(last, bytes.subarray(990)) &&
      beyond.byteLength === 0;
    return judged(isRight, 'exact');
  });
  await ask('list', async () => {
    const found = await listed(store, prefix, signal);
    if (found.length < keys.length) return bad('does not show what was just written');
    return judged(found.join() === keys.join(), 'complete at once, in order');
  });
  await ask('overwrite', async () => {
    const other = random.bytes(500);
    await store.put(key, [other], { signal });
    return judged(bytesEqual(await store.get(key, { signal }), other), 'seen at once');
  });
  await ask('delete', async () => {
    try {
      await store.delete(key, { signal });
      await store.delete(key, { signal });
    } catch (error) {
      // Many give a machine that saves no right to delete, and well so.
      if (!isVersionsError(error, 'Denied')) throw error;
      return { state: 'lacking', answer: 'not allowed' };
    }
    return judged((await store.head(key, { signal })) === undefined, 'works');
  });
}

async function askSpeed(
  store: ObjectStore,
  { prefix, ask }: Asking,
  { clock, random, signal, speedBytes }: ProbeOptions,
): Promise<void> {
  const bytes = random.bytes(speedBytes);
  const key = `${prefix}speed`;
  const measure = async (work: () => Promise<unknown>): Promise<Omit<ProbeAnswer, 'question'>> => {
    const begun = clock.elapsed();
    await work();
    const seconds = Math.max(clock.elapsed() - begun, 0.001) / 1000;
    return fact(`${(speedBytes / 2 ** 20 / seconds).toFixed(1)} MiB/s, one call`);
  };
  await ask('upload', () => measure(() => store.put(key, [bytes], { signal })));
  await ask('download', () => measure(() => store.get(key, { signal })));
}

async function listed(
  store: ObjectStore,
  prefix: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { key } of store.list(prefix, { signal })) keys.push(key);
  return keys;
}

/** What a lock or a missing right leaves there is small, and named as a probe. */
async function removeAll(store: ObjectStore, prefix: string): Promise<void> {
  try {
    for (const key of await listed(store, prefix)) await store.delete(key);
  } catch (error) {
    if (!isVersionsError(error)) throw error;
  }
}

async function answerOf(about: Ask): ReturnType<Ask> {
  try {
    return await about();
  } catch (error) {
    if (!isVersionsError(error) || error.kind === 'Cancelled' || error.kind === 'Internal') {
      throw error;
    }
    return bad(`${error.message} (${error.code})`);
  }
}

function bucketIn(store: ObjectStore): S3Store | undefined {
  let each = store;
  while (each instanceof ForwardingStore) each = each.decorated;
  return each instanceof S3Store ? each : undefined;
}

const good = (answer: string) => ({ state: 'good', answer }) as const;
const bad = (answer: string) => ({ state: 'bad', answer }) as const;
const fact = (answer: string) => ({ state: 'fact', answer }) as const;
const judged = (isGood: boolean, answer: string) =>
  isGood ? good(answer) : bad(`not so: ${answer}`);
