import { ServiceError } from '@musicgen/contract';
import express, { type Request, type RequestHandler } from 'express';

/** Refuses a body that does not call itself by one of these media types. */
export function requireType(...contentTypes: string[]): RequestHandler {
  return (req, _res, next) => {
    if (req.is(contentTypes)) return next();
    throw new ServiceError(
      'unsupported_media_type',
      `The body must be sent with Content-Type: ${contentTypes.join(', ')}.`,
    );
  };
}

/** Reads a JSON body into `req.body`, strictly: UTF-8, an object or a list, no field twice in one object. */
export function jsonBody({ limitKilobytes }: { limitKilobytes: number }): RequestHandler[] {
  return [
    requireJson,
    express.raw({ type: () => true, limit: limitKilobytes * 1024 }),
    (req, _res, next) => {
      req.body = parseJson(textOf(req));
      next();
    },
  ];
}

const json = 'application/json';
const requireJsonType = requireType(json);

const requireJson: RequestHandler = (req, res, next) => {
  const type = req.headers['content-type'];
  // As most send it, there is nothing to be parsed.
  if (type === json) return next();
  const [, charset = 'utf-8'] = /;\s*charset="?([^";\s]+)/i.exec(type ?? '') ?? [];
  if (charset.toLowerCase() === 'utf-8') return requireJsonType(req, res, next);
  throw new ServiceError('unsupported_media_type', 'The body must be in UTF-8.');
};

const decoder = new TextDecoder('utf-8', { fatal: true });

function textOf({ body }: Request): string {
  try {
    return decoder.decode(body instanceof Uint8Array ? body : new Uint8Array());
  } catch (error) {
    throw new ServiceError('malformed_json', 'The body is not valid UTF-8.', { cause: error });
  }
}

function parseJson(text: string): object {
  const value = jsonValue(text);
  if (typeof value !== 'object' || value === null)
    throw new ServiceError('malformed_json', 'The body must be a JSON object.');
  if (fieldsIn(text) !== fieldsOf(value))
    throw new ServiceError('malformed_json', 'The body gives the same field twice.');
  return value;
}

function jsonValue(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ServiceError('malformed_json', 'The body is not valid JSON.', { cause: error });
  }
}

/** How many fields a valid JSON text writes. `JSON.parse` keeps the last of two with one name, in silence. */
function fieldsIn(text: string): number {
  let count = 0;
  for (const [, colon] of text.matchAll(/"(?:[^"\\]|\\.)*"(\s*:)?/g)) if (colon !== undefined) count += 1;
  return count;
}

/** How many fields a parsed value has, at any depth; the depth is the sender's, so this does not call itself. */
function fieldsOf(value: object): number {
  let count = 0;
  const unseen: object[] = [value];
  for (let next = unseen.pop(); next !== undefined; next = unseen.pop()) {
    if (!Array.isArray(next)) count += Object.keys(next).length;
    for (const inner of Object.values(next)) {
      if (typeof inner === 'object' && inner !== null) unseen.push(inner);
    }
  }
  return count;
}
