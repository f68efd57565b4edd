import { Command } from 'commander';
import type { Context } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { formatTable } from '../format.ts';
import { jsonOption } from '../options.ts';
import { type Check, type CheckResult, type CheckStatus, runChecks, skipped } from './check.ts';
import { loadDoctorConfig } from './config.ts';
import { modelChecks } from './model-checks.ts';
import { tryRedis } from './open-redis.ts';
import { portChecks } from './port-checks.ts';
import { queueChecks } from './queue-checks.ts';
import { serverChecks } from './server-checks.ts';
import { settingChecks } from './setting-checks.ts';
import { storeChecks } from './store-checks.ts';

const notes = `
It reads the environment that API and workers read, so run it where they run. Exit code 1: a check failed; warnings do not count.

Examples:
  musicgen doctor
  musicgen doctor --json | jq '.checks[] | select(.status == "failed")'
  docker compose -f docker-compose.scale.yml run --rm worker musicgen doctor`;

/** `musicgen doctor` */
export function doctorCommand(context: Context): Command {
  return new Command('doctor')
    .description('Look at everything the service depends on, and say what to do about what is wrong.')
    .addOption(jsonOption())
    .addHelpText('after', notes)
    .action((options: { json?: boolean }) => doctor(context, options));
}

async function doctor(context: Context, { json = false }: { json?: boolean }): Promise<void> {
  const config = loadDoctorConfig(process.env);
  const connection = await tryRedis(config);
  try {
    const checks = [
      ...settingChecks(process.env),
      ...serverChecks(connection),
      ...(config.USE_ADVANCED_REDIS ? queueChecks(connection, config.TASK_KEY_PREFIX) : [tasksOfOneProcess]),
      ...storeChecks(config),
      ...modelChecks(config),
      ...portChecks(config),
    ];
    const results = await runChecks(checks, context.signal);
    print(context, results, { json });
    if (countOf(results, 'failed') > 0) context.exitCode = exitCodes.failed;
  } finally {
    connection.close();
  }
}

/** What there is to see of them, only their process knows. */
const tasksOfOneProcess: Check = {
  name: 'tasks',
  look: () =>
    skipped(
      'USE_ADVANCED_REDIS is false: tasks are in the one process that works on them; its /api/v1/monitoring tells how they stand.',
    ),
};

function print(context: Context, results: CheckResult[], { json }: { json: boolean }): void {
  const [failures, warnings] = [countOf(results, 'failed'), countOf(results, 'warning')];
  if (json) {
    const status = failures > 0 ? 'failed' : warnings > 0 ? 'warning' : 'ok';
    context.print(JSON.stringify({ status, checks: results }, undefined, 2));
    return;
  }
  context.print(formatTable(results.map(toRow)));
  context.tell(`${results.length} checks, ${failures} failed, ${warnings} with a warning.`);
}

/** Failures are to be seen at a glance. */
const marks: Record<CheckStatus, string> = { ok: 'ok', warning: 'warn', failed: 'FAIL', skipped: '-' };

function toRow({ status, name, detail, remedy }: CheckResult): string[] {
  return [marks[status], name, remedy === undefined ? detail : `${detail} → ${remedy}`];
}

function countOf(results: readonly CheckResult[], status: CheckStatus): number {
  return results.filter((result) => result.status === status).length;
}
