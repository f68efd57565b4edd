import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { problemSchema } from '@musicgen/contract';
import { createHttpServer } from './http-server.ts';

test.each([
  ['is no HTTP', 'nonsense\r\n\r\n', 400, 'malformed_request'],
  ['has a broken header', 'GET / HTTP/1.1\r\nHost: x\r\nA\0: 1\r\n\r\n', 400, 'malformed_request'],
  [
    'says its length twice',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    400,
    'malformed_request',
  ],
  [
    'is smuggled behind another length',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    400,
    'malformed_request',
  ],
  [
    'has huge headers',
    `GET / HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(20_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
  ['never ends its headers', 'GET / HTTP/1.1\r\nHost: x\r\n', 408, 'request_timeout'],
  ['never ends its body', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{', 408, 'request_timeout'],
])(
  'a request that %s is refused with a problem, and the connection ends',
  async (_what, sent, status, code) => {
    // Nothing else is to be late, however slow the machine is.
    const patienceMs = code === 'request_timeout' ? 50 : 60_000;
    const timeouts = { headersMs: patienceMs, requestMs: patienceMs, checkMs: 10 };
    const server = createHttpServer((req) => req.resume(), timeouts);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.write(sent);
    const [head = '', body = ''] = (await text(socket)).split('\r\n\r\n');
    expect(head).toContain(`HTTP/1.1 ${status} `);
    expect(head).toContain('Content-Type: application/problem+json');
    expect(problemSchema.parse(JSON.parse(body))).toMatchObject({ status, code });
    server.close();
  },
);
