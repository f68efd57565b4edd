/** How a code is picked from its logits. */
export interface SamplingSettings {
  /** Classifier-free guidance; at 1 there is none, and the unconditional rows need not be computed. */
  guidanceScale: number;
  /** 0 means greedy. */
  temperature: number;
  /** Keep the k best; 0 keeps all. */
  topK: number;
  /** Keep the smallest set of the best whose probabilities reach this sum; 1 keeps all. */
  topP: number;
}

/** Scores of one codebook, [vocabulary]; what sampling has ruled out is −Infinity. */
export type Scores = Float32Array;

const removed = Number.NEGATIVE_INFINITY;

/** Below this temperature scores leave the range of float32 before they leave any doubt. */
const coldest = 1e-6;

/** Whether the settings leave no choice to chance. */
export function isGreedy(settings: SamplingSettings): boolean {
  return settings.temperature < coldest || settings.topK === 1;
}

/**
 * Writes `unconditional + (conditional − unconditional) · scale` over the scores, which hold the conditional logits.
 * Guidance works on raw logits, before temperature.
 */
export function applyGuidance(scores: Scores, unconditional: Float32Array, scale: number): void {
  for (let id = 0; id < scores.length; id++) {
    const base = unconditional[id] as number;
    scores[id] = base + ((scores[id] as number) - base) * scale;
  }
}

export function applyTemperature(scores: Scores, temperature: number): void {
  if (temperature === 1) return;
  for (let id = 0; id < scores.length; id++) scores[id] = (scores[id] as number) / temperature;
}

/**
 * Rules out every score below the k-th largest. Scores equal to it stay, so that ties never depend on their order;
 * Hugging Face does the same.
 */
export function keepTopK(scores: Scores, k: number): void {
  if (k <= 0 || k >= scores.length) return;
  const threshold = kthLargest(scores, k);
  for (let id = 0; id < scores.length; id++) {
    if ((scores[id] as number) < threshold) scores[id] = removed;
  }
}

/**
 * Rules out the least probable whose probabilities together stay within `1 − p`; the best always stays. Of equals, the
 * ones with lower ids go first.
 */
export function keepTopP(scores: Scores, p: number): void {
  if (p >= 1) return;
  const ids = keptIds(scores);
  ids.sort((a, b) => (scores[a] as number) - (scores[b] as number));
  const best = scores[ids.at(-1) as number] as number;
  const weights = Float64Array.from(ids, (id) => Math.exp((scores[id] as number) - best));
  const budget = (1 - p) * weights.reduce((sum, weight) => sum + weight, 0);
  let spent = 0;
  for (let rank = 0; rank < ids.length - 1; rank++) {
    spent += weights[rank] as number;
    if (spent > budget) return;
    scores[ids[rank] as number] = removed;
  }
}

/** Applies temperature, top-k and top-p to guided logits in place, in the order of Hugging Face. */
export function shapeScores(scores: Scores, settings: SamplingSettings): void {
  applyTemperature(scores, settings.temperature);
  keepTopK(scores, settings.topK);
  keepTopP(scores, settings.topP);
}

/** The id with the largest score; the lowest of equals. */
export function pickBest(scores: Scores): number {
  let best = 0;
  for (let id = 1; id < scores.length; id++) {
    if ((scores[id] as number) > (scores[best] as number)) best = id;
  }
  return best;
}

/**
 * Draws an id with the probabilities softmax(scores).
 * @param uniform a random number in [0, 1)
 */
export function draw(scores: Scores, uniform: number): number {
  const best = scores[pickBest(scores)] as number;
  let total = 0;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] as number;
    if (score !== removed) total += Math.exp(score - best);
  }
  let left = uniform * total;
  let last = 0;
  for (let id = 0; id < scores.length; id++) {
    const score = scores[id] as number;
    if (score === removed) continue;
    last = id;
    left -= Math.exp(score - best);
    if (left < 0) return id;
  }
  // Rounding can leave a sliver; it belongs to the last id that is possible.
  return last;
}

function keptIds(scores: Scores): number[] {
  const ids: number[] = [];
  for (let id = 0; id < scores.length; id++) if (scores[id] !== removed) ids.push(id);
  return ids;
}

/** Holds the k largest values so far, reused from call to call. */
let heap = new Float32Array();

/** The k-th largest value: the smallest, and so the root, of a heap of the k largest. Most values only meet the root. */
function kthLargest(values: Float32Array, k: number): number {
  if (heap.length < k) heap = new Float32Array(k);
  for (let index = 0; index < k; index++) heap[index] = values[index] as number;
  for (let index = (k >> 1) - 1; index >= 0; index--) sink(index, heap[index] as number, k);
  for (let index = k; index < values.length; index++) {
    const value = values[index] as number;
    if (value > (heap[0] as number)) sink(0, value, k);
  }
  return heap[0] as number;
}

/** Puts a value into the heap at or below a place, where none of those below it is smaller. */
function sink(from: number, value: number, size: number): void {
  let place = from;
  for (;;) {
    let child = 2 * place + 1;
    if (child >= size) break;
    if (child + 1 < size && (heap[child + 1] as number) < (heap[child] as number)) child++;
    if (value <= (heap[child] as number)) break;
    heap[place] = heap[child] as number;
    place = child;
  }
  heap[place] = value;
}
