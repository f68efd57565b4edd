import { basename, dirname } from 'node:path';
import {
  AutoTokenizer,
  env,
  MusicgenForConditionalGeneration,
  type PreTrainedTokenizer,
} from '@huggingface/transformers';
import {
  type EngineAnswer,
  type EngineSystem,
  frameRate,
  guidanceScale,
  prompt,
  type SystemOptions,
  topK,
  warmUpSteps,
} from './system.ts';

interface Peer {
  tokenizer: PreTrainedTokenizer;
  model: Awaited<ReturnType<typeof MusicgenForConditionalGeneration.from_pretrained>>;
}

const codebooks = 4;
const startId = 2048;
/** Of the known columns: which one makes no difference to the time. */
const anyCode = 1;

/** What each graph of the folder is called, which follows from its precision. */
const graphTypes = {
  fp32: { text_encoder: 'fp32', decoder_model_merged: 'fp32', encodec_decode: 'fp32' },
  int8: { text_encoder: 'int8', decoder_model_merged: 'int8', encodec_decode: 'fp32' },
  int4: { text_encoder: 'int8', decoder_model_merged: 'q4', encodec_decode: 'fp32' },
  'int4-g128': { text_encoder: 'int8', decoder_model_merged: 'q4', encodec_decode: 'fp32' },
} as const;

/** transformers.js as its documentation uses it. Tasks are made one after the other: it has no way to join them. */
export async function loadPeer({ folder, precision, threads }: SystemOptions): Promise<EngineSystem> {
  env.allowRemoteModels = false;
  env.localModelPath = dirname(folder);
  const name = basename(folder);
  const peer = {
    tokenizer: await AutoTokenizer.from_pretrained(name),
    model: await MusicgenForConditionalGeneration.from_pretrained(name, {
      dtype: graphTypes[precision],
      device: 'cpu',
      session_options: { intraOpNumThreads: threads },
    }),
  };
  return {
    measure: (command) =>
      command.do === 'steps' ? measureSteps(peer, command) : measurePieces(peer, command),
  };
}

/** A piece that goes on from known columns; the first step is the prefill and is left out. */
async function measureSteps(
  peer: Peer,
  { position, count }: { position: number; count: number },
): Promise<EngineAnswer> {
  const known = Array.from({ length: codebooks }, () => [
    startId,
    ...Array<number>(position - warmUpSteps - 1).fill(anyCode),
  ]);
  const times: number[] = [];
  const steps = warmUpSteps + count;
  await generate(peer, { max_new_tokens: steps + 1, decoder_input_ids: known }, () =>
    times.push(performance.now()),
  );
  // The streamer is told the prompt first, then every column.
  const milliseconds = times.slice(2).map((time, index) => time - (times[index + 1] as number));
  return { milliseconds: milliseconds.slice(warmUpSteps), frames: count };
}

async function measurePieces(
  peer: Peer,
  { seconds, tasks }: { seconds: number; tasks: number },
): Promise<EngineAnswer> {
  const frames = Math.round(seconds * frameRate);
  const startedAt = performance.now();
  for (let task = 0; task < tasks; task++)
    await generate(peer, { max_new_tokens: frames + codebooks - 1 }, () => {});
  return { milliseconds: [performance.now() - startedAt], frames: tasks * frames };
}

async function generate(
  { tokenizer, model }: Peer,
  options: { max_new_tokens: number; decoder_input_ids?: number[][] },
  put: () => void,
): Promise<void> {
  await model.generate({
    ...tokenizer(prompt),
    ...options,
    do_sample: true,
    guidance_scale: guidanceScale,
    top_k: topK,
    streamer: { put, end: () => {} },
  } as unknown as Parameters<typeof model.generate>[0]);
}
