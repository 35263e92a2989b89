/** `node make-bucket.ts ENDPOINT BUCKET`: an empty bucket on a server of the tests. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { credentials } from '../../test/services/service.ts';

const [, , endpoint = '', Bucket = ''] = process.argv;
const client = new S3Client({
  endpoint,
  region: credentials.region,
  credentials,
  forcePathStyle: true,
});
await client.send(new CreateBucketCommand({ Bucket }));
client.destroy();
