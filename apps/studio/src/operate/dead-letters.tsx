import type { DeadLetters as Letters } from '@musicgen/client';
import { ConfirmButton } from '../confirm-button.tsx';
import { Failure } from '../notice.tsx';
import { operation } from '../service.ts';
import { now } from '../time.ts';
import { useAction } from '../use-action.ts';
import { ago, count, inLine, shortened } from '../words.ts';
import { act } from './desk.ts';

type Letter = Letters['tasks'][number];

/** Tasks that used up their attempts. */
export function DeadLetters({ letters: { total, tasks } }: { letters: Letters }) {
  return (
    <section class="panel letters" aria-labelledby="letters-title">
      <h2 id="letters-title">Dead letters</h2>
      {total === 0 ? (
        <p class="soft">None: no task has used up its attempts.</p>
      ) : (
        <p class="soft">
          {count(total, 'task')} used up all attempts
          {total > tasks.length ? `; the latest ${tasks.length} of them` : ''}.
        </p>
      )}
      <ul>
        {tasks.map((letter) => (
          <LetterRow key={letter.id} letter={letter} />
        ))}
      </ul>
    </section>
  );
}

function LetterRow({ letter: { id, error, attempt, stalls, died_at, request } }: { letter: Letter }) {
  const requeue = useAction(() => act(operation.value.requeueDeadLetter(id)));
  const drop = useAction(() => act(operation.value.dropDeadLetter(id)));
  const prompt = typeof request.prompt === 'string' ? request.prompt : id;
  const facts = [
    count(attempt, 'attempt'),
    stalls > 0 && count(stalls, 'lost worker'),
    died_at && ago(Date.parse(died_at), now.value),
  ];
  return (
    <li class="letter">
      <div>
        <h3 dir="auto">{shortened(prompt, 120)}</h3>
        <p class="is-bad">{error ? `${error.title}: ${error.detail}` : 'Nobody knows why.'}</p>
        <p class="soft small">{inLine(facts)}</p>
        <Failure error={requeue.error ?? drop.error} />
      </div>
      <div class="task-buttons">
        <button type="button" class="button small" disabled={requeue.isBusy} onClick={() => requeue.run()}>
          Requeue
        </button>
        <ConfirmButton question="Drop it from the list?" disabled={drop.isBusy} onConfirm={() => drop.run()}>
          Drop
        </ConfirmButton>
      </div>
    </li>
  );
}
