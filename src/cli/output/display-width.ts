import { createRequire } from 'node:module';

const printableAscii = /^[ -~]*$/u;

type Measure = (text: string) => number;

let measure: Measure | undefined;

/**
 * The columns that a text takes on a terminal. What measures others than ASCII compiles the tables
 * of Unicode when it is loaded, which took every command some 30 ms: so it is loaded when asked for.
 */
export function displayWidth(text: string): number {
  if (printableAscii.test(text)) return text.length;
  measure ??= load();
  return measure(text);
}

function load(): Measure {
  const require = createRequire(import.meta.url);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the package exports
  return (require('string-width') as { readonly default: Measure }).default;
}
