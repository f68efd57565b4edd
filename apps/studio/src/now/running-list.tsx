import { Take } from '../library/take.tsx';
import { connection } from '../service.ts';
import { isLoaded, unfinished } from '../tasks.ts';
import { recent } from './recent.ts';
import { EndedCard, TaskCard } from './task-card.tsx';

/** What is being made, then what has just ended. */
export function RunningList({ isCompact = false }: { isCompact?: boolean }) {
  const running = unfinished.value.toReversed();
  const ended = recent.value.slice(0, isCompact ? 3 : undefined);
  if (!isLoaded.value) return <Placeholder />;
  if (running.length + ended.length === 0) {
    return (
      <p class="empty">
        Nothing is being made. What you ask for shows here, from its place in line to the sound.
      </p>
    );
  }
  return (
    <div class="stack">
      {running.map((task) => (
        <TaskCard key={task.id} task={task} />
      ))}
      {ended.map((task) =>
        task.status === 'completed' ? (
          <Take key={task.id} task={task} isCompact={isCompact} />
        ) : (
          <EndedCard key={task.id} task={task} />
        ),
      )}
    </div>
  );
}

function Placeholder() {
  return <p class="empty">{connection.value === 'unknown' ? 'Looking …' : 'Nothing to show yet.'}</p>;
}
