import type { TaskHealth } from '@musicgen/client';
import { Failure } from '../notice.tsx';
import { operation } from '../service.ts';
import { useAction } from '../use-action.ts';
import { span } from '../words.ts';
import { act, looks } from './desk.ts';
import { flowOf } from './rates.ts';

type Queue = TaskHealth['queue_status'][number];

/** The four queues, each with its switch. */
export function Queues({ queues }: { queues: Queue[] }) {
  return (
    <div class="panel table-box">
      <table>
        <caption>Queues</caption>
        <thead>
          <tr>
            <th scope="col">Priority</th>
            <th scope="col">Waiting</th>
            <th scope="col">Oldest</th>
            <th scope="col">In / min</th>
            <th scope="col">Out / min</th>
            <th scope="col">
              <span class="unseen">Switch</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {queues.map((queue) => (
            <QueueRow key={queue.priority} queue={queue} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function QueueRow({ queue: { priority, length, oldest_task_age, paused } }: { queue: Queue }) {
  const flow = flowOf(looks.value, priority);
  const toggle = useAction(() =>
    act(paused ? operation.value.resumeQueue(priority) : operation.value.pauseQueue(priority)),
  );
  return (
    <>
      <tr class={paused ? 'is-paused' : undefined}>
        <th scope="row">
          {nameOf(priority)} {paused && <span class="tag tag-warn">paused</span>}
        </th>
        <td>{length}</td>
        <td>{oldest_task_age === null ? '–' : span(oldest_task_age)}</td>
        <td>{flow ? flow.entering.toFixed(1) : '–'}</td>
        <td>{flow ? flow.leaving.toFixed(1) : '–'}</td>
        <td class="end">
          <button
            type="button"
            class="button small"
            disabled={toggle.isBusy}
            aria-label={`${paused ? 'Resume' : 'Pause'} the queue ${nameOf(priority)}`}
            onClick={() => toggle.run()}
          >
            {paused ? 'Resume' : 'Pause'}
          </button>
        </td>
      </tr>
      {toggle.error !== undefined && (
        <tr>
          <td colSpan={6}>
            <Failure error={toggle.error} />
          </td>
        </tr>
      )}
    </>
  );
}

export function nameOf(priority: string): string {
  return priority[0] + priority.slice(1).toLowerCase();
}
