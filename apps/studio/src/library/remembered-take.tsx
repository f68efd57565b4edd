import { useEffect } from 'preact/hooks';
import { adopt } from '../create/draft.ts';
import { forget, type Memory } from '../history.ts';
import { Icon } from '../icon.tsx';
import { goTo } from '../route.ts';
import { load } from '../tasks.ts';
import { now } from '../time.ts';
import { ago, inLine, span } from '../words.ts';

/** A piece that only this browser knows of, unless the service turns out to have it still. */
export function RememberedTake({ memory }: { memory: Memory }) {
  const { id, request, duration, created_at, expires_at, isGone } = memory;
  const isOver = isGone || Date.parse(expires_at) < now.value;
  useEffect(() => {
    if (!isOver) load(id).catch(() => {});
  }, [id, isOver]);
  return (
    <article class="card ended" aria-label={request.prompt}>
      <div class="task-words">
        <h3 dir="auto">{request.prompt}</h3>
        <p class="soft small">
          {inLine([
            span(duration),
            `seed ${request.seed}`,
            ago(Date.parse(created_at), now.value),
            isOver ? 'removed by the service' : 'looking …',
          ])}
        </p>
      </div>
      <div class="task-buttons">
        <button
          type="button"
          class="button small"
          onClick={() => {
            adopt(request, true);
            goTo('create');
          }}
        >
          <Icon name="again" />
          Make it again
        </button>
        <button
          type="button"
          class="quiet-button"
          aria-label={`Forget “${request.prompt}”`}
          onClick={() => forget(id)}
        >
          <Icon name="close" />
        </button>
      </div>
    </article>
  );
}
