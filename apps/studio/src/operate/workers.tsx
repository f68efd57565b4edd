import type { LiveWorkers } from '@musicgen/client';
import { useEffect } from 'preact/hooks';
import { ConfirmButton } from '../confirm-button.tsx';
import { Failure } from '../notice.tsx';
import { operation } from '../service.ts';
import { now } from '../time.ts';
import { useAction } from '../use-action.ts';
import { ago, shortened, span } from '../words.ts';
import { act } from './desk.ts';
import { promptOf, readPrompt } from './prompts.ts';
import { nameOf } from './queues.tsx';

type Worker = LiveWorkers['workers'][number];

const tones: Record<Worker['state'], string> = { idle: 'plain', busy: 'good', draining: 'warn' };

/** Every live worker, what it runs, and how it is sent home. */
export function Workers({ workers }: { workers: Worker[] }) {
  if (workers.length === 0) {
    return <p class="empty">No worker is alive. Tasks are accepted and wait until one starts.</p>;
  }
  return (
    <div class="panel table-box">
      <table>
        <caption>Workers</caption>
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">State</th>
            <th scope="col">Slots</th>
            <th scope="col">Works on</th>
            <th scope="col">Models</th>
            <th scope="col">Serves</th>
            <th scope="col">Seen</th>
            <th scope="col">
              <span class="unseen">Drain</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {workers.map((worker) => (
            <WorkerRow key={worker.id} worker={worker} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function WorkerRow({
  worker: { id, state, slots, busy_slots, tasks, models, priorities, seen_at },
}: {
  worker: Worker;
}) {
  const drain = useAction(() => act(operation.value.drainWorker(id)));
  return (
    <tr>
      <th scope="row" class="mono">
        {id}
        <Failure error={drain.error} />
      </th>
      <td>
        <span class={`tag tag-${tones[state]}`}>{state}</span>
      </td>
      <td>
        {busy_slots} of {slots}
      </td>
      <td>
        {tasks.length === 0 && '–'}
        {tasks.map((task) => (
          <HeldTask key={task.id} {...task} />
        ))}
      </td>
      <td>
        {models.map((model) => (
          <div key={model.id} class="no-wrap">
            {model.id}{' '}
            <span class="soft small">{`${model.precision}, ${Math.round(model.speed.alone)} frames/s`}</span>
          </div>
        ))}
      </td>
      <td>{priorities.length === 4 ? 'all' : priorities.map(nameOf).join(', ')}</td>
      <td class="no-wrap">{ago(Date.parse(seen_at), now.value)}</td>
      <td class="end">
        <ConfirmButton
          question="Let it finish and exit?"
          disabled={drain.isBusy || state === 'draining'}
          onConfirm={() => drain.run()}
        >
          Drain
        </ConfirmButton>
      </td>
    </tr>
  );
}

/** Its words where the operator may read them, its id where not. */
function HeldTask({ id, started_at, seconds_left }: Worker['tasks'][number]) {
  const prompt = promptOf(id);
  useEffect(() => readPrompt(id), [id]);
  return (
    <div>
      <span dir="auto" class={prompt === undefined ? 'mono' : undefined} title={id}>
        {prompt === undefined ? id : shortened(prompt, 48)}
      </span>{' '}
      <span class="soft small no-wrap">
        {seconds_left === null
          ? `for ${span((now.value - Date.parse(started_at)) / 1000)}`
          : `${span(seconds_left)} left`}
      </span>
    </div>
  );
}
