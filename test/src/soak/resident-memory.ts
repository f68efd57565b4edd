import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Resident memory of a process and, apart from it, of those it started, in bytes; 0 for what has ended. */
export interface ResidentMemory {
  own: number;
  children: number;
}

/** Looks at several processes at one moment. */
export async function residentMemory(pids: number[]): Promise<ResidentMemory[]> {
  const { stdout } = await run('ps', ['-A', '-o', 'pid=,ppid=,rss=']);
  const processes = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number, number]);
  return pids.map((pid) => ({
    own: sum(processes.filter(([own]) => own === pid)),
    children: sum(processes.filter(([, parent]) => parent === pid)),
  }));
}

function sum(processes: [number, number, number][]): number {
  return processes.reduce((bytes, [, , kilobytes]) => bytes + kilobytes * 1024, 0);
}
