import { useSignal } from '@preact/signals';
import { history, type Memory } from '../history.ts';
import { Icon } from '../icon.tsx';
import { Failure } from '../notice.tsx';
import { linkTo } from '../route.ts';
import { completed, isLoaded, loadMore, nextCursor } from '../tasks.ts';
import { useAction } from '../use-action.ts';
import { count } from '../words.ts';
import { compared } from './compared.ts';
import { RememberedTake } from './remembered-take.tsx';
import { Take } from './take.tsx';

/** Everything that is ready, and what this browser remembers of what the service has removed. */
export function LibraryView() {
  const words = useSignal('');
  const more = useAction(loadMore);
  const fits = ({ request }: Pick<Memory, 'request'>) => matches(request.prompt, words.value);
  const ready = completed.value.filter(fits);
  const known = new Set(completed.value.map(({ id }) => id));
  const past = history.value.filter((memory) => !known.has(memory.id) && fits(memory));
  return (
    <section class="page" aria-labelledby="library-title">
      <div class="row spread wrap">
        <h1 id="library-title">Library</h1>
        <label class="search">
          <span class="unseen">Search the prompts</span>
          <input
            type="search"
            placeholder="Search the prompts"
            value={words.value}
            onInput={(event) => {
              words.value = event.currentTarget.value;
            }}
          />
        </label>
      </div>
      {isLoaded.value && ready.length + past.length === 0 && <Nothing isSearch={words.value.trim() !== ''} />}
      <div class="stack">
        {ready.map((task) => (
          <Take key={task.id} task={task} />
        ))}
      </div>
      <Failure error={more.error} />
      {nextCursor.value !== null && (
        <button type="button" class="button" disabled={more.isBusy} onClick={() => more.run()}>
          {more.isBusy ? 'Loading…' : 'Show older ones'}
        </button>
      )}
      {past.length > 0 && (
        <section class="past" aria-labelledby="past-title">
          <h2 id="past-title">Remembered by this browser</h2>
          <p class="soft">
            {count(past.length, 'piece')} that the service may have removed at the end of{' '}
            {past.length === 1 ? 'its' : 'their'} time. The same request and seed make the same music again.
          </p>
          <div class="stack">
            {past.slice(0, 50).map((memory) => (
              <RememberedTake key={memory.id} memory={memory} />
            ))}
          </div>
        </section>
      )}
      {compared.value !== undefined && <CompareBar />}
    </section>
  );
}

function matches(prompt: string, words: string): boolean {
  const text = prompt.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

function Nothing({ isSearch }: { isSearch: boolean }) {
  if (isSearch) return <p class="empty">No prompt has these words.</p>;
  return (
    <p class="empty">
      Nothing is ready yet. <a href={linkTo('create')}>Make the first piece</a>; it stays here until its time
      is over.
    </p>
  );
}

function CompareBar() {
  return (
    <div class="compare-bar" role="status">
      <Icon name="compare" />
      Choose another take to compare with.
      <button
        type="button"
        class="button small"
        onClick={() => {
          compared.value = undefined;
        }}
      >
        Never mind
      </button>
    </div>
  );
}
