import type { Task } from '@musicgen/client';
import { adopt } from '../create/draft.ts';
import { Icon } from '../icon.tsx';
import { Failure } from '../notice.tsx';
import { goTo } from '../route.ts';
import { cancel, retry } from '../tasks.ts';
import { now } from '../time.ts';
import { useAction } from '../use-action.ts';
import { inLine, span, stageOf } from '../words.ts';
import { listen, liveSound, stopListening } from './live-sound.ts';
import { ProgressRing } from './progress-ring.tsx';
import { dismiss } from './recent.ts';

/** A task that waits or is being worked on. */
export function TaskCard({ task }: { task: Task }) {
  const stop = useAction(() => cancel(task.id));
  const { prompt, duration, seed } = task.request;
  const isHeard = liveSound.value?.id === task.id;
  return (
    <article class="card task" aria-label={prompt}>
      <ProgressRing ratio={task.progress?.ratio} label={`Progress of “${prompt}”`} />
      <div class="task-words">
        <h3 dir="auto">{prompt}</h3>
        <p class="stage">{stageOf(task)}</p>
        <p class="soft small">{inLine([readyIn(task), span(duration), priorityOf(task), `seed ${seed}`])}</p>
        <Failure error={stop.error} />
      </div>
      <div class="task-buttons">
        {canBeHeard(task) && (
          <button
            type="button"
            class="button small"
            aria-pressed={isHeard}
            onClick={() => (isHeard ? stopListening() : listen(task))}
          >
            <Icon name="headphones" />
            Listen
          </button>
        )}
        <button type="button" class="button small" disabled={stop.isBusy} onClick={() => stop.run()}>
          {stop.isBusy ? 'Stopping…' : 'Cancel'}
        </button>
      </div>
    </article>
  );
}

/** Whether there may be sound of it already: the first comes with the first frames. */
function canBeHeard({ status, request, progress }: Task): boolean {
  return status === 'processing' && request.preview === true && (progress?.frame ?? 0) > 0;
}

function priorityOf({ priority }: Task): string {
  return priority === 'NORMAL' ? '' : priority.toLowerCase();
}

function readyIn({ eta }: Task): string {
  if (!eta?.finish_at) return '';
  const seconds = (Date.parse(eta.finish_at) - now.value) / 1000;
  return seconds < 1 ? 'ready any moment' : `ready in ${span(seconds)}`;
}

const endings: Partial<Record<Task['status'], string>> = {
  failed: 'This one failed.',
  cancelled: 'Cancelled.',
  expired: 'Not made in time.',
};

/** A task that ended without music. */
export function EndedCard({ task }: { task: Task }) {
  const again = useAction(() => retry(task.id));
  const { prompt } = task.request;
  return (
    <article class="card ended" aria-label={prompt}>
      <div class="task-words">
        <h3 dir="auto">{prompt}</h3>
        <p class={task.status === 'failed' ? 'stage is-bad' : 'stage'}>
          {endings[task.status]} {task.status === 'failed' && task.error?.detail}
        </p>
        <Failure error={again.error} />
      </div>
      <div class="task-buttons">
        <button type="button" class="button small" disabled={again.isBusy} onClick={() => again.run()}>
          <Icon name="again" />
          Try again
        </button>
        <button
          type="button"
          class="button small"
          onClick={() => {
            adopt(task.request, true);
            goTo('create');
          }}
        >
          <Icon name="pen" />
          Change it
        </button>
        <button
          type="button"
          class="quiet-button"
          aria-label={`Hide “${prompt}”`}
          onClick={() => dismiss(task.id)}
        >
          <Icon name="close" />
        </button>
      </div>
    </article>
  );
}
