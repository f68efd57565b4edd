const radius = 21;
const around = 2 * Math.PI * radius;

/** How much is done, from 0 to 1; undefined while nobody knows. */
export function ProgressRing({ ratio, label }: { ratio: number | undefined; label: string }) {
  const percent = Math.floor((ratio ?? 0) * 100);
  const isKnown = ratio !== undefined;
  return (
    <div
      class="ring"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={isKnown ? percent : undefined}
    >
      <svg viewBox="0 0 48 48" aria-hidden="true">
        <circle class="ring-track" cx="24" cy="24" r={radius} />
        <circle
          class={`ring-done ${isKnown ? '' : 'is-waiting'}`}
          cx="24"
          cy="24"
          r={radius}
          style={{ strokeDasharray: around, strokeDashoffset: around * (1 - (ratio ?? 0.12)) }}
        />
      </svg>
      <span class="ring-text">{isKnown ? `${percent}%` : ''}</span>
    </div>
  );
}
