export {
  type Artifact,
  type ArtifactStore,
  audioKey,
  type ByteRange,
  codesKey,
  memoryArtifact,
  previewKey,
  renditionKey,
  taskKey,
  uploadKey,
} from './artifact-store.ts';
export { createDiskStore } from './disk-store.ts';
export { openArtifactStore } from './open-artifact-store.ts';
