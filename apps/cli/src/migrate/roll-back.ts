import { rollBack } from '@musicgen/queue';
import { confirm } from '../confirm.ts';
import type { Context } from '../context.ts';
import { connect } from './connect.ts';
import type { MigrateOptions } from './migrate.ts';
import { parseTarget } from './place.ts';

/** Gives a place back to the older service, as it was before it was migrated in place. */
export async function runRollBack(context: Context, options: MigrateOptions): Promise<void> {
  const { url, shown } = parseTarget(options.target);
  const prefix = options.targetPrefix ?? context.config().TASK_KEY_PREFIX;
  const question = `Remove everything under "${prefix}" in ${shown}, newer tasks too, and put the older tasks back?`;
  if (!options.yes && !(await confirm(context, question))) return;
  const redis = await connect({ role: 'target', url, shown, prefix });
  try {
    await rollBack({ redis, prefix });
  } finally {
    redis.disconnect();
  }
  context.print(`${shown}  rolled back: the older tasks have their keys again`);
}
