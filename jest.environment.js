import { TestEnvironment } from 'jest-environment-node';

/**
 * Jest runs tests in their own realm, whose Float32Array is not the one native addons hand back,
 * so onnxruntime's `instanceof` checks fail. Share the host's typed arrays with the sandbox.
 */
export default class NativeArraysEnvironment extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    Object.assign(this.global, { Float32Array, Int32Array, Uint16Array, BigInt64Array });
  }
}
