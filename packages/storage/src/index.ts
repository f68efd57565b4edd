export type { Artifact, ArtifactStore, ByteRange } from './artifact-store.ts';
export { createDiskStore } from './disk-store.ts';
export { openArtifactStore } from './open-artifact-store.ts';
