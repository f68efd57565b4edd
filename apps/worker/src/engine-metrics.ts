import { type EnginePool, restartReasons } from '@musicgen/engine';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** What the engine of a worker does, of all its models. */
export interface EngineMetrics {
  watch(engine: EnginePool): void;
  /** Nothing is worked on. */
  rest(): void;
}

export function createEngineMetrics(registry: Registry): EngineMetrics {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });

  const up = gauge('musicgen_worker_engine_up', '1 while the engine can work.');
  const restarts = counter(
    'musicgen_worker_engine_restarts_total',
    'Times the engine was started again after it ended.',
    ['reason'],
  );
  for (const reason of restartReasons) restarts.inc({ reason }, 0);
  const loading = new Histogram({
    name: 'musicgen_model_load_duration_seconds',
    help: 'From the start of an engine process to a model that has made its first frame.',
    labelNames: ['model'],
    buckets: [0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300],
    registers,
  });
  const steps = counter('musicgen_decoder_steps_total', 'Steps of the decoder, each for all tasks at once.', [
    'model',
  ]);
  const columns = counter(
    'musicgen_decoder_frames_total',
    'Columns of codes that were made, over all tasks.',
    ['model'],
  );
  const rows = counter(
    'musicgen_decoder_rows_total',
    'Rows that were computed, over all steps: two for a task with guidance.',
  );
  const stepSeconds = counter('musicgen_decoder_step_seconds_total', 'Time spent in steps.');
  const runSeconds = counter(
    'musicgen_decoder_run_seconds_total',
    'Of the time in steps, that inside ONNX Runtime; the rest is our own.',
  );
  const rowsNow = gauge('musicgen_decoder_rows', 'Rows of the batch, averaged over the last second of work.');

  return {
    watch(engine) {
      up.set(1);
      observeLoaded(engine, registry);
      for (const { info, loadSeconds } of engine.models) {
        const model = info.name;
        loading.zero({ model });
        for (const counted of [steps, columns]) counted.inc({ model }, 0);
        if (loadSeconds !== undefined) loading.observe({ model }, loadSeconds);
      }
      engine.events.on('engine:loaded', ({ model, seconds }) => loading.observe({ model }, seconds));
      engine.events.on('engine:exit', () => up.set(0));
      engine.events.on('engine:restarting', ({ reason }) => restarts.inc({ reason }));
      engine.events.on('engine:ready', () => up.set(1));
      engine.events.on('engine:effort', ({ model, ...effort }) => {
        steps.inc({ model }, effort.steps);
        columns.inc({ model }, effort.columns);
        rows.inc(effort.rows);
        stepSeconds.inc(effort.stepSeconds);
        runSeconds.inc(effort.runSeconds);
        rowsNow.set(effort.rows / effort.steps);
      });
    },
    rest: () => rowsNow.set(0),
  };
}

/** Asked for when it is shown: a model goes when another needs its memory. */
function observeLoaded(engine: EnginePool, registry: Registry): void {
  new Gauge({
    name: 'musicgen_model_loaded',
    help: '1 while a model is in memory; the others are loaded when they are asked for.',
    labelNames: ['model'],
    registers: [registry],
    collect() {
      for (const { info, engine: loaded } of engine.models)
        this.set({ model: info.name }, loaded === undefined ? 0 : 1);
    },
  });
}
