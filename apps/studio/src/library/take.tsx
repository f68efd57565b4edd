import type { AudioFormat, Task } from '@musicgen/client';
import { useSignal } from '@preact/signals';
import { ConfirmButton } from '../confirm-button.tsx';
import { copy } from '../copy.ts';
import { adopt, change } from '../create/draft.ts';
import { modelOf } from '../fleet.ts';
import { Icon } from '../icon.tsx';
import { download, fileNameOf } from '../media.ts';
import { Menu } from '../menu.tsx';
import { Failure } from '../notice.tsx';
import { goTo, linkTo } from '../route.ts';
import { remove } from '../tasks.ts';
import { now } from '../time.ts';
import { useAction } from '../use-action.ts';
import { ago, clock, shortened, span } from '../words.ts';
import { downloadCommand, generateCommand, pageOf } from './commands.ts';
import { compare, compared } from './compared.ts';
import { Spectrogram } from './spectrogram.tsx';
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
        <p class="soft small">{factsOf(task).join(' · ')}</p>
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
      <Actions task={task} isCompact={isCompact} spectrum={isSpectrumShown} />
    </article>
  );
}

/** What one wants to know of a finished piece. */
export function factsOf({ request, result, created_at }: Task): string[] {
  return [
    span(result?.duration ?? request.duration),
    `seed ${request.seed}`,
    result?.model ?? '',
    ago(Date.parse(created_at), now.value),
  ].filter(Boolean);
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

interface ActionsProps {
  task: Task;
  isCompact: boolean;
  spectrum: { value: boolean };
}

function Actions({ task, isCompact, spectrum }: ActionsProps) {
  const { id, request } = task;
  const removal = useAction(() => remove(id));
  const isChosen = compared.value === id;
  const isOther = compared.value !== undefined && !isChosen;
  return (
    <>
      <div class="take-actions">
        <Downloads task={task} />
        <button type="button" class="button small" onClick={() => use(task, false)}>
          <Icon name="more" />
          More like this
        </button>
        {!isCompact && (
          <>
            <button type="button" class="button small iconic" onClick={() => use(task, true)}>
              <Icon name="pen" />
              <span>Same seed, new prompt</span>
            </button>
            <button
              type="button"
              class="button small iconic"
              aria-pressed={isChosen}
              onClick={() => compare(id)}
            >
              <Icon name="compare" />
              <span>{isOther ? 'Compare with the chosen' : 'Compare'}</span>
            </button>
            <button
              type="button"
              class="button small iconic"
              aria-pressed={spectrum.value}
              onClick={() => {
                spectrum.value = !spectrum.value;
              }}
            >
              <Icon name="chart" />
              <span>Spectrogram</span>
            </button>
            <Menu icon="link" label="Share" isIconic>
              <button type="button" onClick={() => copy(pageOf(id), 'The link is')}>
                Copy the link
              </button>
              <button
                type="button"
                onClick={() => copy(downloadCommand(id, request.format), 'The command is')}
              >
                Copy curl to download it
              </button>
              <button type="button" onClick={() => copy(generateCommand(request), 'The command is')}>
                Copy curl to make it again
              </button>
            </Menu>
            {canBeContinued(task) && (
              <button type="button" class="button small iconic" onClick={() => goOnFrom(task)}>
                <Icon name="extend" />
                <span>Go on from it</span>
              </button>
            )}
            <ConfirmButton
              question="Remove it for good?"
              disabled={removal.isBusy}
              onConfirm={() => removal.run()}
            >
              <Icon name="trash" />
              <span>Remove</span>
            </ConfirmButton>
          </>
        )}
      </div>
      <Failure error={removal.error} />
    </>
  );
}

const formats: Record<AudioFormat, string> = {
  wav: 'WAV, the original',
  flac: 'FLAC, lossless',
  mp3: 'MP3',
  ogg: 'Ogg',
};

function Downloads({ task: { id, request } }: { task: Task }) {
  const save = useAction((format: AudioFormat) =>
    download(id, format, fileNameOf(request.prompt, id, format)),
  );
  return (
    <>
      <Menu icon="download" label={save.isBusy ? 'Preparing…' : 'Download'}>
        {(Object.keys(formats) as AudioFormat[]).map((format) => (
          <button key={format} type="button" onClick={() => save.run(format)}>
            {formats[format]}
          </button>
        ))}
      </Menu>
      <Failure error={save.error} />
    </>
  );
}

/** Puts the request into the form: with a new seed for another like it, or with its seed for another prompt. */
function use({ request }: Task, isSeedKept: boolean): void {
  adopt(request, isSeedKept);
  goTo('create');
  if (isSeedKept)
    requestAnimationFrame(() => (document.getElementById('prompt') as HTMLTextAreaElement | null)?.select());
}

function canBeContinued({ result }: Task): boolean {
  return modelOf(result?.model ?? '')?.supports.continuation_of_tasks === true;
}

/** Has the form ask for what comes after a piece, in the same words unless they are changed. */
function goOnFrom({ id, request }: Task): void {
  change({
    prompt: request.prompt,
    model: request.model ?? '',
    origin: { from: { task_id: id }, name: `“${shortened(request.prompt)}”` },
  });
  goTo('create');
}
