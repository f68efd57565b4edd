import { Icon } from '../icon.tsx';
import { Failure } from '../notice.tsx';
import { clock, shortened } from '../words.ts';
import { liveSound, stopListening } from './live-sound.ts';

/** What is being heard while it is made, on every view. */
export function LiveBar() {
  if (liveSound.value === undefined) return null;
  const { prompt, time, isWaiting, error } = liveSound.value;
  return (
    <section class="live-bar" aria-label="Listening while it is made">
      <Icon name="headphones" />
      <span class="live-words">
        <span dir="auto">{shortened(prompt, 48)}</span>{' '}
        <span class="soft">{isWaiting ? 'waiting for more' : clock(time)}</span>
      </span>
      <Failure error={error} />
      <button type="button" class="button small" onClick={stopListening}>
        <Icon name="stop" />
        Stop
      </button>
    </section>
  );
}
