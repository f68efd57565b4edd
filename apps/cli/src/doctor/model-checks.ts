import { formatBytes } from '../format.ts';
import { listModels, type ModelEntry } from '../models/installed-models.ts';
import { type Check, type Finding, failed, ok, warning } from './check.ts';
import type { DoctorConfig } from './config.ts';

/** The models a worker here would run: whether their files are all there. */
export function modelChecks(config: DoctorConfig): Check[] {
  return [{ name: 'models', look: async () => judge(await listModels(config)) }];
}

function judge(models: readonly ModelEntry[]): Finding {
  const [broken] = models.filter(({ problem }) => problem !== null);
  if (broken === undefined)
    return ok(
      models.map(({ id, precision, bytes }) => `${id} (${precision}, ${formatBytes(bytes)})`).join(', '),
    );
  const detail = `${broken.id} cannot be used: ${broken.problem}`;
  if (broken.default)
    return failed(
      detail,
      'Set MODEL_PATH to a model folder, or install one: musicgen models pull facebook/musicgen-small.',
    );
  return warning(detail, `Install it again: musicgen models remove ${broken.id}, then musicgen models pull.`);
}
