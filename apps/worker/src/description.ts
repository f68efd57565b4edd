import type { Priority, WorkerDescription } from '@musicgen/contract';
import type { Engine } from '@musicgen/engine';

/** What a worker says about itself in the registry; its speed is what it has measured up to now. */
export function describeWorker(engine: Engine, priorities: Priority[]): WorkerDescription {
  const { model, slots, speed } = engine;
  const { guidanceScale, temperature, topK, topP } = model.defaults;
  return {
    slots,
    priorities,
    models: [
      {
        id: model.name,
        licence: model.licence ?? null,
        notice: model.notice ?? null,
        precision: model.precision,
        sample_rate: model.sampleRate,
        channels: model.channels,
        frame_rate: model.frameRate,
        window_seconds: model.windowSeconds,
        defaults: { temperature, top_k: topK, top_p: topP, guidance_scale: guidanceScale },
        supports: {
          continuation_of_tasks: true,
          continuation_of_audio: model.encodesAudio,
          negative_prompt: true,
          preview: true,
        },
        speed,
      },
    ],
  };
}
