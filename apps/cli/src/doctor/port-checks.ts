import { once } from 'node:events';
import { createServer, isIPv6 } from 'node:net';
import { type Check, type Finding, failed, ok, warning } from './check.ts';
import type { DoctorConfig } from './config.ts';

const answerWithinMs = 3_000;

interface Port {
  /** `API`; also the beginning of the variables' names. */
  who: string;
  host: string;
  port: number;
  hostSetting: string;
  portSetting: string;
}

/** Where API and worker listen: whether they answer there, or could. */
export function portChecks(config: DoctorConfig): Check[] {
  const api: Port = {
    who: 'API',
    host: config.API_HOST,
    port: config.API_PORT,
    hostSetting: 'API_HOST',
    portSetting: 'API_PORT',
  };
  const worker: Port = {
    who: 'worker',
    host: config.WORKER_HEALTH_HOST,
    port: config.WORKER_HEALTH_PORT,
    hostSetting: 'WORKER_HEALTH_HOST',
    portSetting: 'WORKER_HEALTH_PORT',
  };
  return [
    { name: 'API port', look: () => checkPort(api) },
    { name: 'worker port', look: () => checkPort(worker) },
  ];
}

async function checkPort(port: Port): Promise<Finding> {
  if (port.port === 0) return ok(`The system chooses the port of the ${port.who}.`);
  const answer = await fetch(`http://${reachable(port.host)}:${port.port}/readyz`, {
    signal: AbortSignal.timeout(answerWithinMs),
    redirect: 'manual',
  }).catch(() => undefined);
  return answer === undefined ? tryToListen(port) : judgeAnswer(port, answer);
}

/** An address that means "all" when listening, and nothing when asking. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return isIPv6(host) ? `[${host}]` : host;
}

async function judgeAnswer({ who, host, port, portSetting }: Port, answer: Response): Promise<Finding> {
  const body = (await answer.json().catch(() => ({}))) as {
    status?: unknown;
    code?: unknown;
    detail?: unknown;
  };
  if (body.status === 'ready') return ok(`The ${who} at ${host}:${port} is ready.`);
  if (answer.status === 503 && body.code === 'dependency_unavailable')
    return warning(
      `The ${who} at ${host}:${port} is not ready: ${body.detail}`,
      'Mend what it names; it goes on by itself.',
    );
  return failed(
    `Another program answers at ${host}:${port}.`,
    `Stop it, or set ${portSetting} to a free port.`,
  );
}

async function tryToListen({ who, host, port, hostSetting, portSetting }: Port): Promise<Finding> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
    return ok(`${host}:${port} is free for the ${who}.`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const at = `The ${who} cannot listen on ${host}:${port}`;
    if (code === 'EADDRINUSE')
      return failed(
        `${at}: another program has it.`,
        `Stop that program, or set ${portSetting} to a free port.`,
      );
    if (code === 'EACCES') return failed(`${at}: this user may not.`, `Set ${portSetting} to 1024 or above.`);
    return failed(
      `${at}: ${message}.`,
      `Set ${hostSetting} to an address of this machine, or 0.0.0.0 for all.`,
    );
  } finally {
    server.close();
  }
}
