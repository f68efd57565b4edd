import { createHash } from 'node:crypto';
import { openArtifactStore } from './open-artifact-store.ts';
import { readListing } from './s3-listing.ts';
import { createS3Store } from './s3-store.ts';
import { bucket, credentials, region, signatureOf, startS3Server } from './test-setup.ts';

async function setup(given: Partial<Parameters<typeof createS3Store>[0]> = {}) {
  const server = await startS3Server();
  const store = createS3Store({
    ...credentials,
    endpoint: server.endpoint,
    region,
    bucket,
    prefix: 'a/prefix',
    pausesMs: [0, 0],
    ...given,
  });
  return { server, store, [Symbol.asyncDispose]: () => server.stop() };
}

describe('the signatures our test server works out', () => {
  // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, "Examples: signature calculations".
  const example = {
    method: 'GET',
    path: '/',
    query: [],
    headers: {
      host: 'examplebucket.s3.amazonaws.com',
      'x-amz-content-sha256': 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      'x-amz-date': '20130524T000000Z',
    },
    payloadHash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    region: 'us-east-1',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  };

  test.each([
    [
      'GET object',
      { path: '/test.txt', headers: { ...example.headers, range: 'bytes=0-9' } },
      'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ],
    [
      'GET bucket lifecycle',
      { query: [['lifecycle', '']] as [string, string][] },
      'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    ],
    [
      'GET bucket (list objects)',
      {
        query: [
          ['max-keys', '2'],
          ['prefix', 'J'],
        ] as [string, string][],
      },
      '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    ],
  ])('are those AWS publishes: %s', (_name, request, signature) => {
    expect(signatureOf({ ...example, ...request })).toBe(signature);
  });
});

test('an object lies under the prefix of the URL, with the type of its ending', async () => {
  await using context = await setup();
  await context.store.put('tasks/one/a.mp3', Buffer.from('x'));
  await context.store.put('tasks/one/a.1.svg', Buffer.from('x'));
  expect([...context.server.objects].map(([name, { contentType }]) => [name, contentType])).toEqual([
    ['a/prefix/tasks/one/a.mp3', 'audio/mpeg'],
    ['a/prefix/tasks/one/a.1.svg', 'image/svg+xml'],
  ]);
});

test('wrong credentials are told with the reason of the server, and without the credentials', async () => {
  await using context = await setup({ secretAccessKey: 'not the secret' });
  const refused = context.store.put('a.wav', Buffer.from('x'));
  await expect(refused).rejects.toMatchObject({
    code: 'storage_failed',
    message: expect.stringContaining('403 (SignatureDoesNotMatch)'),
  });
  await expect(refused).rejects.not.toThrow('not the secret');
  await expect(context.store.open('a.wav')).rejects.toMatchObject({ code: 'dependency_unavailable' });
});

test('a server that is busy is asked again, three times in all', async () => {
  await using context = await setup();
  context.server.failures.push(503, 500);
  await context.store.put('a.wav', Buffer.from('x'));
  expect(context.server.objects.size).toBe(1);
  context.server.failures.push(503, 503, 429);
  await expect(context.store.open('a.wav')).rejects.toMatchObject({ code: 'dependency_unavailable' });
  expect(context.server.failures).toEqual([]);
});

test('a refusal is not tried again', async () => {
  await using context = await setup({ bucket: 'other' });
  await expect(context.store.put('a.wav', Buffer.from('x'))).rejects.toThrow('404 (NoSuchBucket)');
  expect(context.server.seen.length).toBe(1);
});

test('a server that is away is told by what was wanted of it', async () => {
  await using context = await setup();
  await context.server.stop();
  context.server.stop = async () => {};
  await expect(context.store.put('a.wav', Buffer.from('x'))).rejects.toMatchObject({
    code: 'storage_failed',
    message: expect.stringContaining('PUT a/prefix/a.wav'),
  });
  await expect(context.store.open('a.wav')).rejects.toMatchObject({ code: 'dependency_unavailable' });
  await expect(context.store.remove('a.wav')).rejects.toMatchObject({ code: 'storage_failed' });
});

test('an s3: URL names bucket and prefix; credentials come from the settings', async () => {
  await using context = await setup();
  const settings = {
    S3_ENDPOINT: context.server.endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  await openArtifactStore('s3://music/some/where', settings).put('a.wav', Buffer.from('x'));
  await openArtifactStore('s3://music', settings).put('b.wav', Buffer.from('x'));
  expect([...context.server.objects.keys()]).toEqual(['some/where/a.wav', 'b.wav']);
  expect(() => openArtifactStore('s3://music/../x', settings)).toThrow('s3://bucket');
  expect(() => openArtifactStore('s3://music')).toThrow('AWS_ACCESS_KEY_ID');
});

test('names in a listing are read as XML means them', () => {
  expect(readListing('<Key>a&amp;b&#x2F;&#99;</Key><Key>d</Key>')).toEqual({ keys: ['a&b/c', 'd'] });
});

test('what is sent is what its checksum says', async () => {
  await using context = await setup();
  const content = Buffer.from('the audio');
  await context.store.put('a.wav', content);
  const [stored] = context.server.objects.values();
  expect(
    createHash('sha256')
      .update(stored?.content ?? '')
      .digest('hex'),
  ).toBe(createHash('sha256').update(content).digest('hex'));
});
