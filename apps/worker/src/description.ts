import type { ModelDescription, Priority, WorkerDescription } from '@musicgen/contract';
import type { EnginePool, ModelInfo, PooledModel } from '@musicgen/engine';

/** What a worker says about itself in the registry; its speed is what it has measured up to now. */
export function describeWorker(engine: EnginePool, priorities: Priority[]): WorkerDescription {
  const models = engine.models.map((model) => describeModel(model.info, speedOf(model, engine)));
  return { slots: engine.slots, priorities, models };
}

/** Measured, or until the model has been loaded foretold from the default one's: a step reads all weights once. */
function speedOf({ engine: own, weightBytes }: PooledModel, engine: EnginePool): ModelDescription['speed'] {
  if (own) return own.speed;
  const ratio = (engine.models[0]?.weightBytes ?? weightBytes) / weightBytes;
  return { alone: engine.speed.alone * ratio, all: engine.speed.all * ratio };
}

function describeModel(model: ModelInfo, speed: ModelDescription['speed']): ModelDescription {
  const { guidanceScale, temperature, topK, topP } = model.defaults;
  return {
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
  };
}
