import { isAbsolute, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ArtifactStore } from './artifact-store.ts';
import { createDiskStore } from './disk-store.ts';
import { createS3Store } from './s3-store.ts';

/** What an `s3:` URL needs beside itself, by the names that other S3 programs read. */
export interface S3Settings {
  S3_ENDPOINT?: string;
  AWS_REGION?: string;
  AWS_ACCESS_KEY_ID?: string;
  AWS_SECRET_ACCESS_KEY?: string;
  AWS_SESSION_TOKEN?: string;
}

/**
 * The store an `ARTIFACT_URL` names: `file:///var/lib/musicgen`, relative to the working directory
 * `file:.musicgen/artifacts`, or `s3://bucket/prefix`.
 * @throws RangeError for any other kind of URL, and where an `s3:` URL lacks its credentials.
 */
export function openArtifactStore(url: string, settings: S3Settings = {}): ArtifactStore {
  if (url.startsWith('s3:')) return openS3Store(url, settings);
  if (!url.startsWith('file:')) throw new RangeError('ARTIFACT_URL must be a file: or s3: URL.');
  const path = url.slice('file:'.length);
  return createDiskStore(
    path.startsWith('//') ? fileURLToPath(url) : isAbsolute(path) ? path : resolve(path),
  );
}

/** A bucket's name by S3's rules, and a prefix of the letters that keys are made of. */
const s3Url = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])((?:\/[\w-][\w.-]*)*)\/?$/;

function openS3Store(url: string, settings: S3Settings): ArtifactStore {
  const [, bucket, path] = s3Url.exec(url) ?? [];
  if (bucket === undefined || path === undefined)
    throw new RangeError('ARTIFACT_URL must be s3://bucket or s3://bucket/a/prefix.');
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = settings;
  if (accessKeyId === undefined || secretAccessKey === undefined)
    throw new RangeError('An s3: ARTIFACT_URL needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.');
  const region = settings.AWS_REGION ?? 'us-east-1';
  return createS3Store({
    endpoint: settings.S3_ENDPOINT ?? `https://s3.${region}.amazonaws.com`,
    region,
    bucket,
    prefix: path.slice(1),
    accessKeyId,
    secretAccessKey,
    sessionToken: settings.AWS_SESSION_TOKEN,
  });
}
