import type { RequestHandler } from 'express';

/**
 * Several handlers as one. To Express each of them would be a layer of its own, whose path is matched for every request.
 */
export function inOrder(...handlers: RequestHandler[]): RequestHandler {
  return (req, res, next) => {
    let index = 0;
    const step = (error?: unknown): void => {
      const handler = error === undefined ? handlers[index++] : undefined;
      if (handler === undefined) {
        next(error);
        return;
      }
      try {
        const done: unknown = handler(req, res, step);
        if (done instanceof Promise) done.catch(next);
      } catch (thrown) {
        next(thrown);
      }
    };
    step();
  };
}
