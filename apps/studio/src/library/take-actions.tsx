import type { AudioFormat, Task } from '@musicgen/client';
import type { Signal } from '@preact/signals';
import { ConfirmButton } from '../confirm-button.tsx';
import { copy } from '../copy.ts';
import { adopt, change } from '../create/draft.ts';
import { modelOf } from '../fleet.ts';
import { Icon } from '../icon.tsx';
import { download, fileNameOf } from '../media.ts';
import { Menu } from '../menu.tsx';
import { Failure } from '../notice.tsx';
import { goTo } from '../route.ts';
import { remove } from '../tasks.ts';
import { useAction } from '../use-action.ts';
import { shortened } from '../words.ts';
import { downloadCommand, generateCommand, pageOf } from './commands.ts';
import { compare, compared } from './compared.ts';

interface TakeActionsProps {
  task: Task;
  isCompact: boolean;
  /** Whether the spectrogram is shown. */
  spectrum: Signal<boolean>;
}

/** What can be done with a finished piece. */
export function TakeActions({ task, isCompact, spectrum }: TakeActionsProps) {
  const save = useAction((format: AudioFormat) =>
    download(task.id, format, fileNameOf(task.request.prompt, task.id, format)),
  );
  const removal = useAction(() => remove(task.id));
  return (
    <>
      <div class="take-actions">
        <Menu icon="download" label={save.isBusy ? 'Preparing…' : 'Download'}>
          {(Object.keys(formats) as AudioFormat[]).map((format) => (
            <button key={format} type="button" onClick={() => save.run(format)}>
              {formats[format]}
            </button>
          ))}
        </Menu>
        <button type="button" class="button small" onClick={() => askAgain(task, { isSeedKept: false })}>
          <Icon name="more" />
          More like this
        </button>
        {!isCompact && (
          <>
            <SameSeedButton task={task} />
            <CompareButton id={task.id} />
            <SpectrumButton spectrum={spectrum} />
            <ShareMenu task={task} />
            <ContinueButton task={task} />
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
      <Failure error={save.error ?? removal.error} />
    </>
  );
}

const formats: Record<AudioFormat, string> = {
  wav: 'WAV, the original',
  flac: 'FLAC, lossless',
  mp3: 'MP3',
  ogg: 'Ogg',
};

/** Puts the request into the form: with a new seed for another like it, or with its seed for another prompt. */
function askAgain({ request }: Task, { isSeedKept }: { isSeedKept: boolean }): void {
  adopt(request, isSeedKept);
  goTo('create');
}

function SameSeedButton({ task }: { task: Task }) {
  function ask(): void {
    askAgain(task, { isSeedKept: true });
    // Once the form is there: the words are what is to be changed.
    requestAnimationFrame(() => document.querySelector<HTMLTextAreaElement>('#prompt')?.select());
  }
  return (
    <button type="button" class="button small iconic" onClick={ask}>
      <Icon name="pen" />
      <span>Same seed, new prompt</span>
    </button>
  );
}

function CompareButton({ id }: { id: string }) {
  const isChosen = compared.value === id;
  const isOther = compared.value !== undefined && !isChosen;
  return (
    <button type="button" class="button small iconic" aria-pressed={isChosen} onClick={() => compare(id)}>
      <Icon name="compare" />
      <span>{isOther ? 'Compare with the chosen' : 'Compare'}</span>
    </button>
  );
}

function SpectrumButton({ spectrum }: { spectrum: Signal<boolean> }) {
  function toggle(): void {
    spectrum.value = !spectrum.value;
  }
  return (
    <button type="button" class="button small iconic" aria-pressed={spectrum.value} onClick={toggle}>
      <Icon name="chart" />
      <span>Spectrogram</span>
    </button>
  );
}

function ShareMenu({ task: { id, request } }: { task: Task }) {
  return (
    <Menu icon="link" label="Share" isIconic>
      <button type="button" onClick={() => copy(pageOf(id), 'The link is')}>
        Copy the link
      </button>
      <button type="button" onClick={() => copy(downloadCommand(id, request.format), 'The command is')}>
        Copy curl to download it
      </button>
      <button type="button" onClick={() => copy(generateCommand(request), 'The command is')}>
        Copy curl to make it again
      </button>
    </Menu>
  );
}

function ContinueButton({ task: { id, request, result } }: { task: Task }) {
  if (!modelOf(result?.model ?? '')?.supports.continuation_of_tasks) return null;
  function goOn(): void {
    change({
      prompt: request.prompt,
      model: request.model ?? '',
      origin: { from: { task_id: id }, name: `“${shortened(request.prompt)}”` },
    });
    goTo('create');
  }
  return (
    <button type="button" class="button small iconic" onClick={goOn}>
      <Icon name="extend" />
      <span>Go on from it</span>
    </button>
  );
}
