export {
  type Artifact,
  type ArtifactStore,
  audioKey,
  type ByteRange,
  codesKey,
  memoryArtifact,
  ownerUploadsKey,
  previewKey,
  renditionKey,
  type StreamedContent,
  taskKey,
  uploadKey,
  uploadsKey,
} from './artifact-store.ts';
export { createDiskStore } from './disk-store.ts';
export { openArtifactStore } from './open-artifact-store.ts';
