import type { Task } from '@musicgen/client';
import { useSignal } from '@preact/signals';
import { Icon } from '../icon.tsx';
import { Failure } from '../notice.tsx';
import { linkTo } from '../route.ts';
import { now } from '../time.ts';
import { ago, clock, inLine, shortened, span } from '../words.ts';
import { Spectrogram } from './spectrogram.tsx';
import { TakeActions } from './take-actions.tsx';
import { type Player, usePlayer } from './use-player.ts';
import { Waveform } from './waveform.tsx';

interface TakeProps {
  task: Task;
  /** Beside the form, with only what one wants at once. */
  isCompact?: boolean;
  /** On its own page, with everything. */
  isWhole?: boolean;
}

/** A finished piece: to hear, to keep, to go on from. */
export function Take({ task, isCompact = false, isWhole = false }: TakeProps) {
  const { id, request, result } = task;
  const duration = result?.duration ?? request.duration;
  const player = usePlayer(id, duration);
  const isSpectrumShown = useSignal(isWhole);
  return (
    <article class={`card take ${isCompact ? 'is-compact' : ''}`} aria-label={request.prompt}>
      <PlayButton player={player} name={request.prompt} />
      <div class="take-words">
        <h3 dir="auto">
          <a href={linkTo('library', id)}>{request.prompt}</a>
        </h3>
        <p class="soft small">{factsOf(task)}</p>
      </div>
      <span class="time soft small">
        {clock(player.time)} / {clock(duration)}
      </span>
      <Waveform
        id={id}
        duration={duration}
        name={shortened(request.prompt)}
        player={player}
        height={isCompact ? 40 : 64}
      />
      {isSpectrumShown.value && <Spectrogram id={id} name={request.prompt} />}
      <Failure error={player.error} />
      <TakeActions task={task} isCompact={isCompact} spectrum={isSpectrumShown} />
    </article>
  );
}

/** What one wants to know of a finished piece. */
export function factsOf({ request, result, created_at }: Task): string {
  return inLine([
    span(result?.duration ?? request.duration),
    `seed ${request.seed}`,
    result?.model ?? '',
    ago(Date.parse(created_at), now.value),
  ]);
}

export function PlayButton({ player, name }: { player: Player; name: string }) {
  const verb = player.isPlaying ? 'Pause' : 'Play';
  return (
    <button
      type="button"
      class={`play ${player.isLoading ? 'is-loading' : ''} ${player.isPlaying ? 'is-playing' : ''}`}
      aria-label={`${verb} “${shortened(name)}”`}
      onClick={player.toggle}
    >
      <Icon name={player.isPlaying ? 'pause' : 'play'} />
    </button>
  );
}
