import { floats, idTensor, openSession, requireNames, type SessionOptions } from './sessions.ts';

/** What the rows of a decoder batch attend to. */
export interface Condition {
  rows: number;
  /** Tokens of the longest row; shorter ones are padded on the right. */
  tokens: number;
  /** Last hidden states of the text encoder, [rows, tokens, width]. */
  states: Float32Array;
  /** 1 where a token is, 0 at padding, [rows, tokens]. */
  mask: number[];
}

export interface PromptEncoder {
  /** Encodes a batch of prompts, each given as its token ids with the final `</s>`; one without ids has no effect. */
  encode(prompts: number[][]): Promise<Condition>;
  release(): Promise<void>;
}

/**
 * Loads the text encoder, a T5 encoder stack.
 * @throws ServiceError `model_load_failed`
 */
export async function openTextEncoder(options: SessionOptions): Promise<PromptEncoder> {
  const session = await openSession(options);
  requireNames(session, { inputs: ['input_ids', 'attention_mask'], outputs: ['last_hidden_state'] });
  return {
    async encode(prompts) {
      const rows = prompts.length;
      const tokens = Math.max(1, ...prompts.map((ids) => ids.length));
      const ids = prompts.flatMap((row) => padRight(row, tokens));
      const mask = prompts.flatMap((row) => padRight(Array<number>(row.length).fill(1), tokens));
      const shape = [rows, tokens];
      const feeds = { input_ids: idTensor(ids, shape), attention_mask: idTensor(mask, shape) };
      const outputs = await session.run(feeds, ['last_hidden_state']);
      return { rows, tokens, states: floats(outputs, 'last_hidden_state'), mask };
    },
    release: () => session.release(),
  };
}

/** What unconditional rows attend to: zero states **and** a zero mask, which is not the encoding of an empty prompt. */
export function withoutText({ rows, tokens, states, mask }: Condition): Condition {
  return { rows, tokens, states: new Float32Array(states.length), mask: mask.map(() => 0) };
}

/** The rows of several conditions as one; shorter ones are padded on the right and their padding masked out. */
export function stackConditions(conditions: Condition[]): Condition {
  const rows = conditions.reduce((sum, condition) => sum + condition.rows, 0);
  const tokens = Math.max(...conditions.map((condition) => condition.tokens));
  const width = widthOf(conditions[0] as Condition);
  const states = new Float32Array(rows * tokens * width);
  const mask: number[] = [];
  for (const condition of conditions) {
    const rowLength = condition.tokens * width;
    for (let row = 0; row < condition.rows; row++) {
      states.set(condition.states.subarray(row * rowLength, (row + 1) * rowLength), mask.length * width);
      const own = condition.mask.slice(row * condition.tokens, (row + 1) * condition.tokens);
      mask.push(...padRight(own, tokens));
    }
  }
  return { rows, tokens, states, mask };
}

function widthOf({ rows, tokens, states }: Condition): number {
  return states.length / (rows * tokens);
}

function padRight(values: number[], length: number): number[] {
  return [...values, ...Array<number>(length - values.length).fill(0)];
}
