import type { ErrorRequestHandler, IRouter, RequestHandler } from 'express';
import { asServiceError, methodNotAllowed } from '../middleware/handle-error.ts';
import { inOrder } from '../middleware/in-order.ts';
import { jsonBody, requireType } from '../middleware/json-body.ts';
import type { Route } from './route.ts';

export interface MountOptions {
  /** What stands before a route's own work: who may call it, and how often. */
  before?: (route: Route) => RequestHandler[];
}

/**
 * The only way to Express: what is not in the list cannot be called, and the list is what is documented. A method that
 * a path does not have is answered with those it has.
 */
export function mountRoutes(
  router: IRouter,
  routes: readonly Route[],
  { before = () => [] }: MountOptions = {},
): void {
  for (const [path, members] of byPath(routes)) {
    const at = router.route(path.replaceAll(/\{(\w+)\}/g, ':$1'));
    const refused = methodNotAllowed(allowedMethods(members));
    for (const route of members) {
      // Before GET, whose handler Express would run for it too.
      if (route.head === 'refused') at.head(refused);
      at[route.method](inOrder(...before(route), ...bodyReaders(route), route.run), tellRefusal(route));
    }
    at.all(refused);
  }
}

function byPath(routes: readonly Route[]): Map<string, Route[]> {
  const paths = new Map<string, Route[]>();
  for (const route of routes) paths.set(route.path, [...(paths.get(route.path) ?? []), route]);
  return paths;
}

function allowedMethods(members: readonly Route[]): string {
  return members
    .flatMap(({ method, head }) =>
      method === 'get' && head !== 'refused' ? ['GET', 'HEAD'] : [method.toUpperCase()],
    )
    .join(', ');
}

function bodyReaders({ body, rawBody, bodyLimitKilobytes = 64 }: Route): RequestHandler[] {
  if (rawBody !== undefined) return [requireType(...[rawBody.contentType].flat())];
  return body === undefined ? [] : jsonBody({ limitKilobytes: bodyLimitKilobytes });
}

function tellRefusal({ onRefused }: Route): ErrorRequestHandler {
  return (thrown, _req, _res, next) => {
    onRefused?.(asServiceError(thrown).code);
    next(thrown);
  };
}
