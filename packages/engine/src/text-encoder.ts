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

/**
 * The condition followed by as many unconditional rows, as classifier-free guidance needs them: zero states **and** a
 * zero mask, which is not the encoding of an empty prompt.
 */
export function withUnconditional(condition: Condition): Condition {
  const states = new Float32Array(2 * condition.states.length);
  states.set(condition.states);
  return {
    rows: 2 * condition.rows,
    tokens: condition.tokens,
    states,
    mask: [...condition.mask, ...condition.mask.map(() => 0)],
  };
}

function padRight(values: number[], length: number): number[] {
  return [...values, ...Array<number>(length - values.length).fill(0)];
}
