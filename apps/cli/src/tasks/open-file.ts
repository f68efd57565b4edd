import { spawn } from 'node:child_process';
import type { Context } from '../context.ts';

const openers: Partial<Record<NodeJS.Platform, string>> = { darwin: 'open', win32: 'explorer.exe' };

/** Opens a file with what the desktop plays it with; resolves once that has been started. */
export function openFile(context: Context, path: string): Promise<void> {
  const opener = openers[process.platform] ?? 'xdg-open';
  return new Promise((resolve) => {
    const child = spawn(opener, [path], { stdio: 'ignore', detached: true });
    child.once('error', ({ message }) => {
      context.tell(`${path} is there, but could not be opened: ${message}`);
      resolve();
    });
    child.once('spawn', () => {
      child.unref();
      resolve();
    });
  });
}
