import { writeFileSync } from 'node:fs';

/**
 * Variables for a program whose wall clock is `hours` on: from its start, or from when the file
 * `after` appears, as that of a laptop that slept. Writes what it needs to `script`.
 */
export function shiftedClock(
  script: string,
  { hours, after }: { readonly hours: number; readonly after?: string },
): { readonly NODE_OPTIONS: string } {
  const condition =
    after === undefined ? 'true' : `(seen ||= existsSync(${JSON.stringify(after)}))`;
  writeFileSync(
    script,
    `import { existsSync } from 'node:fs';
let seen = false;
const real = Date.now;
const now = () => real() + (${condition} ? ${hours * 3_600_000} : 0);
globalThis.Date = class extends Date {
  constructor(...parts) {
    super(...(parts.length === 0 ? [now()] : parts));
  }
  static now() {
    return now();
  }
};
`,
  );
  return { NODE_OPTIONS: `--import=${script}` };
}
