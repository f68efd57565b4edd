import type { TaskStage } from '@musicgen/contract';
import type { TaskRecord } from '@musicgen/queue';
import type { Span, SpanOutcome, Tracer } from '@musicgen/service';

/** One attempt in the trace of the request that submitted its task: a span for it, and one in it for each stage. */
export interface AttemptTrace {
  traceId: string | undefined;
  /** Told again and again: a stage lasts until another is told. */
  enter(stage: TaskStage): void;
  end(outcome?: SpanOutcome): void;
}

export function traceAttempt(tracer: Tracer, { id, ...task }: TaskRecord): AttemptTrace {
  const attributes = { 'musicgen.task_id': id, 'musicgen.priority': task.priority };
  if (task.attempt === 1 && task.startedAt !== undefined) {
    const { traceparent: parent, createdAt: startedAt } = task;
    tracer.startSpan('wait in queue', { parent, attributes, startedAt }).end({ at: task.startedAt });
  }
  const span = tracer.startSpan('process task', {
    kind: 'consumer',
    parent: task.traceparent,
    attributes: { ...attributes, 'musicgen.attempt': task.attempt },
  });
  let stage: { name: TaskStage; span: Span } | undefined;
  return {
    traceId: span.traceId,
    enter(name) {
      if (stage?.name === name) return;
      stage?.span.end();
      stage = { name, span: tracer.startSpan(name, { parent: span.traceparent }) };
    },
    end(outcome) {
      stage?.span.end(outcome?.failure === undefined ? {} : { failure: outcome.failure });
      span.end(outcome);
    },
  };
}
