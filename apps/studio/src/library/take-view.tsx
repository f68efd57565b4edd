import type { Task } from '@musicgen/client';
import { Failure, Notice } from '../notice.tsx';
import { EndedCard, TaskCard } from '../now/task-card.tsx';
import { linkTo } from '../route.ts';
import { isUnfinished } from '../tasks.ts';
import { dateAndTime, span } from '../words.ts';
import { RememberedTake } from './remembered-take.tsx';
import { Take } from './take.tsx';
import { useTask } from './use-task.ts';

/** One take by its address, whatever has become of it. */
export function TakeView({ id }: { id: string }) {
  const { task, memory, isMissing, error } = useTask(id);
  return (
    <section class="page" aria-label="A take">
      <a class="quiet-link" href={linkTo('library')}>
        ← Library
      </a>
      <Failure error={error} />
      {task && <Whole task={task} />}
      {isMissing && error === undefined && (
        <Notice tone="warn">
          <p>
            <strong>This take is not here any more.</strong>{' '}
            {memory
              ? 'The service has removed it, and this browser remembers what it was made from.'
              : 'The service has removed it, or it belongs to another key.'}
          </p>
        </Notice>
      )}
      {isMissing && memory && <RememberedTake memory={memory} />}
    </section>
  );
}

function Whole({ task }: { task: Task }) {
  if (isUnfinished(task)) return <TaskCard task={task} />;
  if (task.status !== 'completed') return <EndedCard task={task} />;
  return (
    <>
      <Take task={task} isWhole />
      <Facts task={task} />
    </>
  );
}

function Facts({ task: { id, request, result, created_at, expires_at, timings, warnings } }: { task: Task }) {
  const facts: [string, string | null | undefined][] = [
    ['Made', dateAndTime(Date.parse(created_at))],
    ['Kept until', dateAndTime(Date.parse(expires_at))],
    ['Model', result?.model],
    ['Seed', String(request.seed)],
    ['Left out', request.negative_prompt],
    ['Sampling', result && samplingOf(result.sampling)],
    ['Sound', result && `${result.sample_rate / 1000} kHz, ${result.channels === 2 ? 'stereo' : 'mono'}`],
    ['Loudness', result?.loudness_lufs == null ? undefined : `${result.loudness_lufs.toFixed(1)} LUFS`],
    ['Waited', timings.queue === null ? undefined : span(timings.queue)],
    ['Made in', timings.processing === null ? undefined : span(timings.processing)],
    ['Id', id],
  ];
  return (
    <>
      {warnings.map((warning) => (
        <Notice key={warning} tone="warn">
          <p>{warning}</p>
        </Notice>
      ))}
      <dl class="facts panel">
        {facts.map(
          ([name, value]) =>
            value && (
              <div key={name}>
                <dt>{name}</dt>
                <dd dir="auto">{value}</dd>
              </div>
            ),
        )}
      </dl>
    </>
  );
}

function samplingOf({
  temperature,
  top_k,
  top_p,
  guidance_scale,
}: NonNullable<Task['result']>['sampling']): string {
  return `temperature ${temperature}, top k ${top_k}, top p ${top_p}, guidance ${guidance_scale}`;
}
