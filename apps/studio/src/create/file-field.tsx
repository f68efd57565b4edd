import type { Inspection } from '@musicgen/client';
import { useSignal } from '@preact/signals';
import { modelOf } from '../fleet.ts';
import { Icon } from '../icon.tsx';
import { Failure } from '../notice.tsx';
import { service } from '../service.ts';
import { useAction } from '../use-action.ts';
import { shortened } from '../words.ts';
import { change, draft, originOnItsWay } from './draft.ts';

/** Types that browsers do not tell by themselves. */
const typesByEnding: Record<string, string> = {
  wav: 'audio/wav',
  flac: 'audio/flac',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
};

interface Dropped {
  file: File;
  inspection: Inspection;
}

/** An audio file: says what it was made from, where it was made here, and is what the piece may go on from. */
export function FileField() {
  const dropped = useSignal<Dropped | undefined>(undefined);
  const isOver = useSignal(false);
  const inspect = useAction(async (file: File) => {
    dropped.value = undefined;
    // Whoever brings another file means that one.
    originOnItsWay.value = undefined;
    const ending = file.name.split('.').at(-1)?.toLowerCase() ?? '';
    const type = typesByEnding[ending] ?? (file.type || 'application/octet-stream');
    dropped.value = { file, inspection: await service.value.inspectAudio(file, { type }) };
  });
  const take = (files: FileList | null | undefined) => {
    const [file] = files ?? [];
    if (file) inspect.run(file);
  };
  return (
    <div class="file-field">
      <label
        class={`drop ${isOver.value ? 'is-over' : ''}`}
        onDragOver={(event) => {
          event.preventDefault();
          isOver.value = true;
        }}
        onDragLeave={() => {
          isOver.value = false;
        }}
        onDrop={(event) => {
          event.preventDefault();
          isOver.value = false;
          take(event.dataTransfer?.files);
        }}
      >
        <Icon name="file" />
        <span>{inspect.isBusy ? 'Looking at it…' : 'Drop an audio file here, or choose one'}</span>
        <input
          type="file"
          class="unseen"
          accept="audio/*,.wav,.flac,.mp3,.ogg"
          onChange={({ currentTarget }) => {
            take(currentTarget.files);
            currentTarget.value = '';
          }}
        />
      </label>
      <Failure error={inspect.error} />
      {dropped.value && <DroppedFile key={dropped.value.file.name} {...dropped.value} />}
    </div>
  );
}

function DroppedFile({ file, inspection: { format, made_by } }: Dropped) {
  const upload = useAction(async () => {
    originOnItsWay.value = file;
    const isMeant = () => originOnItsWay.value === file;
    try {
      const { id } = await service.value.uploadAudio(file);
      if (isMeant()) change({ origin: { from: { upload_id: id }, name: file.name } });
    } finally {
      if (isMeant()) originOnItsWay.value = undefined;
    }
  });
  const canGoOn = modelOf(draft.value.model)?.supports.continuation_of_audio === true;
  return (
    <div class="dropped" role="status">
      <p>
        <strong dir="auto">{file.name}</strong>{' '}
        {made_by
          ? `says that it was made from “${shortened(made_by.prompt, 80)}”, seed ${made_by.seed}, with ${made_by.model}.`
          : 'says nothing about what it was made from.'}
      </p>
      {!canGoOn && (
        <p class="soft small">The chosen model cannot go on from audio that it did not make itself.</p>
      )}
      {canGoOn && format !== 'wav' && <p class="soft small">To go on from it, it must be a WAV file.</p>}
      <div class="row wrap">
        {made_by && (
          <button
            type="button"
            class="button small"
            onClick={() => change({ prompt: made_by.prompt, seed: String(made_by.seed), isSeedKept: true })}
          >
            Use its prompt and seed
          </button>
        )}
        {canGoOn && format === 'wav' && (
          <button type="button" class="button small" disabled={upload.isBusy} onClick={() => upload.run()}>
            {upload.isBusy ? 'Sending…' : 'Go on from it'}
          </button>
        )}
      </div>
      <Failure error={upload.error} />
    </div>
  );
}
