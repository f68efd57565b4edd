import { createRequire } from 'node:module';

const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };

/** Of ONNX Runtime; to know it, its library need not be loaded. */
export const onnxRuntimeVersion = version;
