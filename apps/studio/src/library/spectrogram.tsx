import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { spectrogramAddress } from '../media.ts';
import { Failure } from '../notice.tsx';
import { shortened } from '../words.ts';

/** The picture of a piece's frequencies over time. */
export function Spectrogram({ id, name }: { id: string; name: string }) {
  const address = useSignal<string | undefined>(undefined);
  const error = useSignal<unknown>(undefined);
  useEffect(() => {
    spectrogramAddress(id).then(
      (url) => {
        address.value = url;
      },
      (thrown: unknown) => {
        error.value = thrown;
      },
    );
  }, [id]);
  return (
    <div class="spectrogram">
      <Failure error={error.value} />
      {address.value && (
        <img src={address.value} alt={`Spectrogram of “${shortened(name)}”`} loading="lazy" />
      )}
    </div>
  );
}
