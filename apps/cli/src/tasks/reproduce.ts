import { Readable } from 'node:stream';
import { hashSamples, readProvenance } from '@musicgen/audio';
import { type Client, failureOf, type GenerateRequestInput, type Task } from '@musicgen/client';
import { type AudioFormat, type Provenance, ServiceError } from '@musicgen/contract';
import { Command } from 'commander';
import type { Context } from '../context.ts';
import { isTaskId, jsonOption } from '../options.ts';
import { saveAudio } from './deliver.ts';
import { followTasks } from './follow-tasks.ts';
import { planOutput } from './output-files.ts';
import { readAudioFile } from './read-file.ts';
import { formatOption } from './request-options.ts';

interface ReproduceOptions {
  output?: string;
  format?: AudioFormat;
  json?: boolean;
}

const examples = `
Examples:
  musicgen reproduce calm.wav
  musicgen reproduce 019ac4a1-7d5e-7000-8000-5f1c7e2b9a10 -o again.wav

The request and the seed come from the tags of the file, or from the task. The exit code is 1 where the samples differ: by
another version of the model or of the service, or by another kind of processor.`;

/** `musicgen reproduce` */
export function reproduceCommand(context: Context): Command {
  return new Command('reproduce')
    .description('Make a piece again from its file or task, and say whether it is the same.')
    .argument('<file-or-id>', 'audio file of this service, or id of a completed task')
    .option('-o, --output <path>', 'save the new audio here')
    .addOption(formatOption())
    .addOption(jsonOption())
    .addHelpText('after', examples)
    .action((source: string, options: ReproduceOptions) => reproduce(context, source, options));
}

/** A piece that was made once. */
interface Original {
  request: GenerateRequestInput;
  /** Undefined where nobody knows any more. */
  samplesSha256: string | undefined;
}

async function reproduce(context: Context, source: string, options: ReproduceOptions): Promise<void> {
  const { signal } = context;
  const client = context.client();
  const original = isTaskId(source)
    ? ofTask(await client.getTask(source, { signal }))
    : await ofFile(context, client, source);
  const output = await planOutput(context, options, 1);
  const request = { ...original.request, format: output.format ?? 'wav' };
  const submitted = await client.generate(request, { signal });
  const [task = submitted] = await followTasks(context, [submitted], { client, onEnd: async () => {} });
  const failure = failureOf(task);
  if (failure !== undefined) throw failure;
  const file = options.output === undefined ? null : await saveAudio(context, { client, task, output });
  const [before, after] = [original.samplesSha256 ?? null, task.result?.samples_sha256 ?? null];
  const isSame = before === null || after === null ? null : before === after;
  if (options.json)
    context.printJson({
      same: isSame,
      samples_sha256: { original: before, reproduction: after },
      file,
      task,
    });
  else context.print(verdictOf(isSame, task));
  if (isSame === false) throw new ServiceError('generation_failed', 'It did not come out the same.');
}

function verdictOf(isSame: boolean | null, { id, result }: Task): string {
  const made = `${id}  ${result?.samples_sha256 ?? ''}`;
  if (isSame === null) return `${made}  made again; nothing is left to compare it with`;
  return isSame ? `${made}  the same, sample for sample` : `${made}  different samples`;
}

/** With what was really used, should the defaults of the model have changed since. */
function ofTask({ status, request, result }: Task): Original {
  if (result === null) throw new ServiceError('task_not_finished', `The task is ${status}, not completed.`);
  return {
    request: { ...request, ...result.sampling, model: result.model },
    samplesSha256: result.samples_sha256,
  };
}

async function ofFile(context: Context, client: Client, name: string): Promise<Original> {
  const content = await readAudioFile(context.resolvePath(name));
  const { format, made_by: made } = await readProvenance(Readable.from([content]));
  if (made === null)
    throw new ServiceError('unreadable_audio', `${name} does not say what it was made from.`);
  const samplesSha256 = format === 'wav' ? hashSamples(content) : await samplesOfTask(context, client, made);
  return { request: requestOf(made), samplesSha256 };
}

/** What the original task says of its samples, where it is still there: only WAV files hold them as they were hashed. */
async function samplesOfTask({ signal }: Context, client: Client, { task_id: id }: Provenance) {
  const task = await client.getTask(id, { signal }).catch((error: unknown) => {
    const isGone = error instanceof ServiceError && (error.code === 'not_found' || error.code === 'gone');
    if (!isGone) throw error;
    return undefined;
  });
  return task?.result?.samples_sha256;
}

/** The tags call the parameters as requests do, but for what a piece goes on from. */
function requestOf({ prompt, seed, model, parameters }: Provenance): GenerateRequestInput {
  const { continue_from: source, ...others } = parameters;
  const continued = source === undefined ? {} : { continue_from: { task_id: String(source) } };
  return { ...others, ...continued, prompt, seed, model };
}
