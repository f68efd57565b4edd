export { type DownloadProgress, downloadFiles, refuseFullDisk, totalBytes } from './download-repository.ts';
export { describeRepository, type Hub, type RemoteRepository } from './hub.ts';
export { findChangedFiles, type ModelOrigin, readManifest, writeManifest } from './manifest.ts';
export {
  createModelFolder,
  folderBytes,
  listModelIds,
  modelFolder,
  refuseExisting,
  removeModel,
  requireModelFolder,
} from './model-folders.ts';
export { defaultPatience } from './patience.ts';
export { type Precision, precisions, type Selection, selectFiles } from './repository-files.ts';
