/** How deep values may nest: more than any task, and little enough for the stack. */
const deepest = 100;

/** A literal's value as JSON has it: tuples and sets are arrays; NaN and infinities, which JSON cannot hold, are null. */
export type LiteralValue =
  | null
  | boolean
  | number
  | string
  | LiteralValue[]
  | { [key: string]: LiteralValue };

const names: Record<string, LiteralValue> = {
  None: null,
  True: true,
  False: false,
  // As Python's json module writes them, and as `repr` writes floats.
  null: null,
  true: true,
  false: false,
  nan: null,
  NaN: null,
  inf: null,
  Infinity: null,
};

const escapes: Record<string, string> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
  '0': '\0',
  '\\': '\\',
  '/': '/',
  "'": "'",
  '"': '"',
  '\n': '',
};

/**
 * The value of a text that is a Python literal (what `repr` gives for dicts, lists, tuples, sets, strings, numbers, None,
 * True and False) or JSON, also such as Python's json module writes and JavaScript does not read. It only reads: there are
 * no names, calls or operators, and what is not a literal is refused.
 * @throws SyntaxError saying where.
 */
export function parsePythonLiteral(text: string): LiteralValue {
  let at = 0;

  const fail = (): never => {
    throw new SyntaxError(`There is no literal at character ${at}`);
  };

  function match(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const [found] = pattern.exec(text) ?? [];
    if (found !== undefined) at += found.length;
    return found;
  }

  const skipSpace = () => match(/[ \t\r\n]*/y);

  /** Whether the next thing is this one; passes it then. */
  function take(character: string): boolean {
    skipSpace();
    if (text[at] !== character) return false;
    at += 1;
    return true;
  }

  /** What stands between here and the closing bracket, and whether a comma stands behind the last. */
  function items<Item>(close: string, item: () => Item): { found: Item[]; endsWithComma: boolean } {
    const found: Item[] = [];
    while (!take(close)) {
      if (found.length > 0 && !take(',')) fail();
      if (found.length > 0 && take(close)) return { found, endsWithComma: true };
      found.push(item());
    }
    return { found, endsWithComma: false };
  }

  function dictOrSet(depth: number): LiteralValue {
    const { found: pairs } = items('}', (): [LiteralValue, LiteralValue | undefined] => {
      const key = value(depth);
      return [key, take(':') ? value(depth) : undefined];
    });
    const isDict = pairs.every(([, value]) => value !== undefined);
    if (!isDict && pairs.some(([, value]) => value !== undefined)) fail();
    if (!isDict) return pairs.map(([item]) => item);
    return Object.fromEntries(pairs.map(([key, value = null]) => [keyText(key), value]));
  }

  function tuple(depth: number): LiteralValue {
    const { found, endsWithComma } = items(')', () => value(depth));
    // `(1)` is 1 in brackets; `(1,)` is a tuple.
    return found.length === 1 && !endsWithComma ? (found[0] ?? null) : found;
  }

  function string(): string {
    match(/[ub]/y);
    const quote = match(/'''|"""|'|"/y) ?? fail();
    let value = '';
    for (;;) {
      if (at >= text.length) fail();
      if (text.startsWith(quote, at)) break;
      value += text[at] === '\\' ? escaped() : text[at++];
    }
    at += quote.length;
    return value;
  }

  function escaped(): string {
    at += 1;
    const code = match(/x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}/y);
    if (code !== undefined) {
      const point = Number.parseInt(code.slice(1), 16);
      return point <= 0x10ffff ? String.fromCodePoint(point) : fail();
    }
    const character = text[at++] ?? '';
    // Python leaves a backslash that escapes nothing where it is.
    return escapes[character] ?? `\\${character}`;
  }

  function number(): number | null {
    const sign = match(/[+-]/y) === '-' ? -1 : 1;
    if (match(/nan|NaN|inf|Infinity/y) !== undefined) return null;
    const size = Number(match(/(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/y) ?? fail());
    return Number.isFinite(size) ? sign * size : null;
  }

  function fromName(): LiteralValue {
    const name = match(/[A-Za-z]+/y) ?? '';
    return Object.hasOwn(names, name) ? (names[name] ?? null) : fail();
  }

  function value(depth: number): LiteralValue {
    if (depth > deepest) fail();
    if (take('{')) return dictOrSet(depth + 1);
    if (take('[')) return items(']', () => value(depth + 1)).found;
    if (take('(')) return tuple(depth + 1);
    const rest = text.slice(at, at + 4);
    if (/^[ub]?['"]/.test(rest)) return string();
    if (/^[+\-.\d]/.test(rest)) return number();
    return fromName();
  }

  const found = value(0);
  skipSpace();
  return at === text.length ? found : fail();
}

function keyText(key: LiteralValue): string {
  return typeof key === 'string' ? key : JSON.stringify(key);
}
