// ONNX Runtime reads the real environment, which tests cannot set: see packages/engine/src/sessions.ts.
process.env.ORT_DISABLE_TELEMETRY = '1';

export default {
  roots: ['<rootDir>/packages', '<rootDir>/apps', '<rootDir>/bench', '<rootDir>/test'],
  testMatch: ['**/src/**/*.test.ts'],
  transform: { '\\.ts$': ['@swc/jest', { jsc: { target: 'es2023' }, sourceMaps: 'inline' }] },
  testEnvironment: './jest.environment.js',
  testEnvironmentOptions: { customExportConditions: ['@musicgen/source', 'node', 'node-addons'] },
  reporters: ['default', './jest.api-coverage.js'],
  // Many tests wait for processes of their own rather than compute.
  maxWorkers: '100%',
  // Tells a test that hangs from a machine that is busy.
  testTimeout: 90_000,
};
