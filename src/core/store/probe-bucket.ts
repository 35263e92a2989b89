import type { PutObjectCommandInput, StorageClass } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { isVersionsError } from '../errors/index.ts';
import type { ProbeAnswer, ProbeOptions, ProbeQuestion } from './probe-answer.ts';
import { putCommand, type S3Session } from './s3-client.ts';
import type { S3Store } from './s3-store.ts';

type Answer = Omit<ProbeAnswer, 'question'>;

/** What became of a request. */
type Outcome = 'stored' | 'exists' | 'refused';

const racers = 16;

/** The questions that only a bucket can be asked. What is written lies below `prefix`. */
export async function probeBucket(
  store: S3Store,
  prefix: string,
  options: ProbeOptions,
): Promise<readonly ProbeAnswer[]> {
  const probe = new BucketProbe(store, prefix, options);
  const questions: readonly (readonly [ProbeQuestion, () => Promise<Answer>])[] = [
    ['conditional-put', () => probe.conditions()],
    ['payload-hash', () => probe.payloadHash()],
    ['checksum', () => probe.checksum()],
    ['suffix-range', () => probe.suffixRange()],
    ['paging', () => probe.paging()],
    ['versions', () => probe.versions()],
    ['object-lock', () => probe.lock()],
    ['storage-class', () => probe.storageClass()],
    ['clock', () => probe.skew()],
  ];
  const answers: ProbeAnswer[] = [];
  for (const [question, ask] of questions) {
    answers.push({ question, ...(await ask().catch(notKnown)) });
  }
  return answers;
}

class BucketProbe {
  readonly #store: S3Store;
  readonly #prefix: string;
  readonly #options: ProbeOptions;
  readonly #bytes: Uint8Array;
  readonly #sha256: string;

  constructor(store: S3Store, prefix: string, options: ProbeOptions) {
    this.#store = store;
    this.#prefix = prefix;
    this.#options = options;
    this.#bytes = options.random.bytes(1000);
    this.#sha256 = createHash('sha256').update(this.#bytes).digest('hex');
  }

  async conditions(): Promise<Answer> {
    const first = await this.#put('once', { IfNoneMatch: '*' });
    if (first !== 'stored') return lacking('refused');
    if ((await this.#put('once', { IfNoneMatch: '*' })) === 'stored') return lacking('ignored');
    const rounds = this.#options.brief === true ? 1 : 4;
    for (let round = 0; round < rounds; round += 1) {
      const race = Array.from({ length: racers }, () =>
        this.#put(`race-${round}`, { IfNoneMatch: '*' }),
      );
      const winners = (await Promise.all(race)).filter((outcome) => outcome === 'stored');
      if (winners.length !== 1) {
        return lacking(`advisory: ${winners.length} of ${racers} at once were stored`);
      }
    }
    return good(`atomic: 1 of ${racers} at once was stored, ${rounds} times`);
  }

  async payloadHash(): Promise<Answer> {
    const outcome = await this.#put('hash', {}, this.#sha256.replace(/^./, flipped));
    return outcome === 'stored' ? lacking('not looked at') : good('enforced');
  }

  async checksum(): Promise<Answer> {
    const right = Buffer.from(this.#sha256, 'hex');
    const wrong = Buffer.from(this.#sha256.replace(/^./, flipped), 'hex');
    const asked = (bytes: Buffer): { readonly ChecksumSHA256: string } => ({
      ChecksumSHA256: bytes.toString('base64'),
    });
    if ((await this.#put('checked', asked(right))) !== 'stored') return lacking('refused');
    const isLax = (await this.#put('checked', asked(wrong))) === 'stored';
    return isLax ? lacking('not looked at') : good('enforced');
  }

  async suffixRange(): Promise<Answer> {
    await this.#put('suffix', {});
    const bytes = await this.#send(async ({ sdk, client }, input) => {
      const command = new sdk.GetObjectCommand({ ...input('suffix'), Range: 'bytes=-7' });
      return (await client.send(command)).Body?.transformToByteArray();
    });
    const isRight = Buffer.compare(bytes ?? Buffer.of(), this.#bytes.subarray(-7)) === 0;
    return isRight ? good('exact') : lacking('not known');
  }

  async paging(): Promise<Answer> {
    const names = ['page/1', 'page/2', 'page/3', 'page/4', 'page/5'];
    for (const name of names) await this.#put(name, {});
    const { prefix } = this.#store.place;
    const found = await this.#send(async ({ sdk, client }, input) => {
      const { Bucket, Key: Prefix } = input('page/');
      const keys: string[] = [];
      let token: string | undefined;
      for (let page = 0; page <= names.length; page += 1) {
        const answer = await client.send(
          new sdk.ListObjectsV2Command({
            Bucket,
            Prefix,
            MaxKeys: 2,
            ...(token === undefined
              ? { StartAfter: input('page/1').Key }
              : { ContinuationToken: token }),
          }),
        );
        keys.push(...(answer.Contents ?? []).map(({ Key = '' }) => Key));
        token = answer.NextContinuationToken;
        if (answer.IsTruncated !== true) break;
      }
      return keys;
    });
    const wanted = names.slice(1).map((name) => prefix + this.#prefix + name);
    return found.join() === wanted.join()
      ? good('pages follow one another')
      : bad('pages leave objects out or repeat them');
  }

  async versions(): Promise<Answer> {
    const status = await this.#send(async ({ sdk, client }, input) => {
      const { Bucket } = input('');
      return (await client.send(new sdk.GetBucketVersioningCommand({ Bucket }))).Status;
    });
    return fact(status === 'Enabled' ? 'kept' : (status?.toLowerCase() ?? 'not kept'));
  }

  async lock(): Promise<Answer> {
    const isAsked = this.#store.place.lock !== undefined;
    const rule = await this.#send(async ({ sdk, client }, input) => {
      const { Bucket } = input('');
      const command = new sdk.GetObjectLockConfigurationCommand({ Bucket });
      return (await client.send(command)).ObjectLockConfiguration;
    }).catch((error: unknown) => {
      // A bucket without a lock has no configuration of one; that is an error to most providers.
      if (isVersionsError(error, 'NotFound', 'Unavailable', 'Unsupported')) return undefined;
      throw error;
    });
    if (rule?.ObjectLockEnabled !== 'Enabled') {
      return isAsked ? bad('not enabled, though lock-days asks for it') : fact('not enabled');
    }
    const { Mode, Days, Years } = rule.Rule?.DefaultRetention ?? {};
    const usual =
      Mode === undefined
        ? ''
        : `, ${Mode.toLowerCase()} ${Days ?? (Years ?? 0) * 365} days for all`;
    return fact(`enabled${usual}`);
  }

  async storageClass(): Promise<Answer> {
    const { storageClass } = this.#store.place;
    if (storageClass === undefined) return fact('none asked for');
    // Which classes there are, the provider decides.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const more = { StorageClass: storageClass as StorageClass };
    if ((await this.#put('class', more)) !== 'stored') return bad(`${storageClass} is refused`);
    const kept = await this.#send(async ({ sdk, client }, input) => {
      const answer = await client.send(new sdk.HeadObjectCommand(input('class')));
      return answer.StorageClass ?? 'STANDARD';
    });
    return kept === storageClass
      ? good(kept)
      : lacking(`${storageClass} was asked for, ${kept} given`);
  }

  async skew(): Promise<Answer> {
    const date = await this.#send(async ({ sdk, client }, input) => {
      const command = new sdk.HeadBucketCommand({ Bucket: input('').Bucket });
      let seen: string | undefined;
      command.middlewareStack.add(
        (next) => async (args) => {
          const result = await next(args);
          const { response } = result;
          seen = headersOf(response)['date'];
          return result;
        },
        { step: 'deserialize', priority: 'low', name: 'seeDate' },
      );
      await client.send(command);
      return seen;
    });
    const theirs = Date.parse(date ?? '');
    if (Number.isNaN(theirs)) return fact('the provider does not tell its time');
    const seconds = Math.round((this.#options.clock.now() - theirs) / 1000);
    if (Math.abs(seconds) <= 2) return good('agrees');
    const apart = `${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} the provider`;
    return Math.abs(seconds) < 300 ? fact(apart) : bad(apart);
  }

  /** Stores the same bytes under a name, with more said about them. */
  async #put(
    name: string,
    more: Partial<PutObjectCommandInput>,
    sha256: string = this.#sha256,
  ): Promise<Outcome> {
    try {
      await this.#send(({ sdk, client }, input) => {
        const body = { Body: this.#bytes, ContentLength: this.#bytes.byteLength };
        return client.send(
          putCommand(sdk, { ...input(name), ...body, ...more }, { sha256, asksFirst: false }),
        );
      });
      return 'stored';
    } catch (error) {
      if (!isVersionsError(error)) throw error;
      if (error.kind === 'Cancelled' || error.kind === 'Denied') throw error;
      return error.kind === 'Conflict' ? 'exists' : 'refused';
    }
  }

  #send<T>(
    work: (
      session: S3Session,
      input: (name: string) => { readonly Bucket: string; readonly Key: string },
    ) => Promise<T>,
  ): Promise<T> {
    const { bucket: Bucket, prefix } = this.#store.place;
    const input = (name: string) => ({ Bucket, Key: prefix + this.#prefix + name });
    return this.#store.request({ action: 'read' }, this.#options.signal, (session) =>
      work(session, input),
    );
  }
}

function flipped(digit: string): string {
  return digit === '0' ? '1' : '0';
}

function headersOf(response: unknown): Readonly<Record<string, string>> {
  const isAnswer = typeof response === 'object' && response !== null && 'headers' in response;
  const headers = isAnswer ? response.headers : undefined;
  return typeof headers === 'object' && headers !== null ? { ...headers } : {};
}

function notKnown(error: unknown): Answer {
  if (!isVersionsError(error) || error.kind === 'Cancelled') throw error;
  return fact(`not known: ${error.message}`);
}

const good = (answer: string): Answer => ({ state: 'good', answer });
const bad = (answer: string): Answer => ({ state: 'bad', answer });
const lacking = (answer: string): Answer => ({ state: 'lacking', answer });
const fact = (answer: string): Answer => ({ state: 'fact', answer });
